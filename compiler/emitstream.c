/* Streams in emitted files: the structs of prepared parameters and of what a
 * stream remembers, and the functions that fill and use them.  Their own plan
 * of the model has no loss and nothing for backward; what depends on parameters
 * alone stands in its first stage (sched_prepare). */
#include "emitapi.h"

#include <string.h>

/* A stream of the model in `api`; prints with an Emit of its own. */
typedef struct Stream {
    Emit e;
    Plan plan; /* in which parameters are arrays of the prepared ones, too */
    Api api;
    VEC(Val) array;    /* what those hold */
    const char *blame; /* why there is no step, or NULL */
} Stream;

/* ---- what there is ---- */

static const char *find_blame(const Api *api)
{
    const EmitOptions *o = api->e->o;
    if (api->p->s->ntime > 1)
        return "it has several time axes";
    for (int i = 0; i < o->noutput; i++)
        if (o->output[i].blame)
            return arena_printf(api->e->arena, "%s: %s", o->output[i].name,
                                o->output[i].blame);
    for (int i = 0; i < api->p->tensor.n; i++) {
        const CellTensor *t = &api->p->tensor.v[i];
        if (t->flags & CELL_BACKWARD)
            return arena_printf(api->e->arena, "%s runs from the end", t->name);
        if (t->lead > 0)
            return arena_printf(api->e->arena, "%s is read ahead", t->name);
    }
    return NULL;
}

static bool is_array(const Stream *st, Val v)
{
    const Value *x = &st->e.s->val.v[v];
    return x->kind == VAL_PARAM ||
           (x->kind == VAL_BUFFER && x->life == LIFE_PREPARED);
}

/* Gives value v an array, if it is one that needs it and has none yet. */
static void add_array(Stream *st, Val v)
{
    if (v < 0)
        return;
    v = sched_base(st->e.s, v);
    if (!is_array(st, v) || st->e.array[v])
        return;
    st->e.array[v] = emit_fresh(&st->e, emit_wished_name(&st->e, v));
    vec_push(st->e.arena, &st->array, v);
}

/* All that the kernels of a step read of what was prepared. */
static void find_arrays(Stream *st)
{
    const Sched *s = st->e.s;
    Names taken = st->e.taken; /* nothing to these: they are members */
    memset(&st->e.taken, 0, sizeof st->e.taken);
    for (int i = 0; i < s->fn[FN_FORWARD].stage.n; i++) {
        const Stage *stage = &s->fn[FN_FORWARD].stage.v[i];
        for (int k = 0; k < stage->kernel.n && !stage->prepare; k++)
            for (int j = 0; j < stage->kernel.v[k].in.n; j++)
                add_array(st, stage->kernel.v[k].in.v[j]);
    }
    st->e.taken = taken;
}

/* A step reads its parameters where the prepared ones are. */
static void move_params(Stream *st, const Plan *p)
{
    const Sched *s = p->s;
    st->plan = *p;
    st->plan.loc = NEW_N(st->e.arena, Loc, s->val.n + 1);
    memcpy(st->plan.loc, p->loc, sizeof *p->loc * (size_t)s->val.n);
    for (Val v = 0; v < s->val.n; v++) {
        Val base = sched_base(st->e.s, v);
        if (s->val.v[base].kind != VAL_PARAM)
            continue;
        st->plan.loc[v].space = SP_PREPARED;
        st->plan.loc[v].at.c -= p->loc[base].at.c;
    }
}

/* Tables stand in the file already, if those of the whole model are the same.
 */
static void name_tables(Stream *st, const Emit *whole)
{
    for (int i = 0; i < st->e.g->table.n; i++) {
        const Table *own = &st->e.g->table.v[i];
        int64_t n = shape_size(st->e.g, own->shape);
        bool same =
            i < whole->g->table.n &&
            n == shape_size(whole->g, whole->g->table.v[i].shape) &&
            !memcmp(own->v, whole->g->table.v[i].v, (size_t)n * sizeof *own->v);
        if (!same)
            arena_panic(st->e.arena, "emit: table %d of a stream", i);
        st->e.file[i] = whole->file[i];
    }
}

static bool stream_init(Stream *st, const Emit *whole)
{
    const Plan *p = whole->o->stream;
    memset(st, 0, sizeof *st);
    if (!p)
        return false;
    emit_init(&st->e, p, whole->o, whole->arena, &emit_loops_style);
    st->e.packs_once = true;
    st->e.array = NEW_N(whole->arena, const char *, p->s->val.n + 1);
    name_tables(st, whole);
    find_arrays(st);
    api_init(&st->api, &st->e);
    move_params(st, p);
    st->blame = find_blame(&st->api);
    return true;
}

/* Numbers of an array and their type.  How many pack_real, pack_bf16 and
 * pack_int8 take is said above those. */
static int64_t array_size(const Stream *st, Val v)
{
    enum { NARROW = 16, FEW = 2, BLOCK = 256 };
    const Value *x = &st->e.s->val.v[v];
    int64_t columns = (x->pn + NARROW - 1) / NARROW * NARROW;
    int64_t blocks = (x->pk + BLOCK - 1) / BLOCK;
    if (!x->packed)
        return x->n;
    switch (st->e.o->weights) {
    case WEIGHTS_BF16:
        return columns * ((x->pk + 1) / 2);
    case WEIGHTS_INT8:
        return columns * ((x->pk + 3) / 4 + blocks);
    default:
        return (x->pn % NARROW > FEW ? columns : x->pn) * x->pk;
    }
}

static const char *array_type(const Stream *st, Val v)
{
    bool words = st->e.s->val.v[v].packed && st->e.o->weights != WEIGHTS_F32;
    return words ? "uint32_t" : st->e.real;
}

/* ---- header ---- */

static void print_step_head(Stream *st, Buf *b, bool many)
{
    const char *n = st->api.name;
    buf_printf(b,
               "int %s_step%s(const %s_prepared *prepared, %s_state *state, ",
               n, many ? "s" : "", n, n);
    api_args(&st->api, b);
    buf_printf(b, "%s *work%s)", st->e.real,
               many ? ", int64_t T, int64_t B" : "");
}

static void header_prepared(Stream *st, Buf *b)
{
    static const char *const kept[WEIGHTS_COUNT] = {
        "",
        ", matrices as bfloat16 (relative error of a weight, and on machines "
        "that multiply such of what it is multiplied by: 2^-8)",
        ", matrices in 8 bits, a scale to each 256 of a row (error of a "
        "weight: "
        "the largest of those / 254; of what is multiplied by them: / 65024)"};
    const char *n = st->api.name;
    buf_printf(b,
               "/* Parameters in the order in which steps read them%s: plain "
               "data that may be copied, saved and restored.  Steps are "
               "fastest where it begins at a multiple of 64 bytes. */\n"
               "typedef struct {\n",
               kept[st->e.o->weights]);
    for (int i = 0; i < st->array.n; i++)
        buf_printf(
            b, "    %s %s[%s];\n", array_type(st, st->array.v[i]),
            st->e.array[st->array.v[i]],
            emit_size(&st->e, (array_size(st, st->array.v[i]) + 15) / 16 * 16));
    if (!st->array.n)
        buf_puts(b, "    char none; /* the model has no parameters */\n");
    buf_printf(b, "} %s_prepared;\n\n", n);
    buf_printf(b,
               "/* Once, and after each change of the parameters.\n"
               " * params [%s_PARAMS]: in; not needed afterwards.\n"
               " * prepared: out.\n"
               " * work: %s_STEP_WORK bytes; nothing in it is kept. */\n"
               "void %s_prepare(const %s *params, %s_prepared *prepared, "
               "%s *work);\n\n",
               n, n, n, st->e.real, n, st->e.real);
}

static void header_state(Stream *st, Buf *b)
{
    Api *api = &st->api;
    buf_puts(b, "/* What one stream remembers between steps: plain data that "
                "may be copied, saved and restored. */\n"
                "typedef struct {\n    int64_t steps; /* taken so far */\n");
    for (int i = 0; i < api->carried.n; i++) {
        const CellTensor *t = api->carried.v[i].t;
        buf_printf(b, "    %s %s[%s]; /* %s", api->real, api->carried.v[i].name,
                   emit_size(api->e, t->lag * api_elements(t)), t->name);
        if (t->lag > 1)
            buf_printf(b, " at the last %d steps, oldest first */\n", t->lag);
        else
            buf_puts(b, " at the last step */\n");
    }
    buf_printf(b,
               "} %s_state;\n\n"
               "/* Before the first step of a sequence. */\n"
               "void %s_reset(%s_state *state);\n\n",
               api->name, api->name, api->name);
}

/* Bytes of a work block where all extents are 1. */
static int64_t step_work(const Stream *st)
{
    static const int64_t one[CELL_AXES] = {1, 1, 1, 1};
    return cell_size(st->e.p->work_size, one) * (st->e.o->real64 ? 8 : 4);
}

/* Whether the number of a step matters. */
static bool counts_steps(const Stream *st)
{
    const Sched *s = st->e.s;
    for (Val v = 0; v < s->val.n; v++)
        if (s->val.v[v].kind == VAL_TIME)
            return true;
    return false;
}

static void header_steps(Stream *st, Buf *b)
{
    const char *n = st->api.name;
    buf_printf(b, "/* One step of one stream.\n * prepared: in.\n"
                  " * state: in and out.\n");
    api_arg_docs(&st->api, b, true);
    buf_printf(b, " * work: %s_STEP_WORK bytes; nothing in it is kept. */\n",
               n);
    print_step_head(st, b, false);
    buf_printf(b,
               ";\n\n/* Bytes of the work block of T steps of B streams. */\n"
               "size_t %s_steps_work(int64_t T, int64_t B);\n\n"
               "/* T steps of B streams in one call, which is faster than one "
               "after the other.\n * prepared: in.\n"
               " * state [B]: in and out; %s, else 1 is returned and nothing "
               "done.\n",
               n,
               counts_steps(st) ? "all have taken as many steps"
                                : "either all of them begin or none");
    api_arg_docs(&st->api, b, false);
    buf_printf(b,
               " * work: %s_steps_work(T, B) bytes; nothing in it is kept. "
               "*/\n",
               n);
    print_step_head(st, b, true);
    buf_puts(b, ";\n\n");
}

void stream_header(Emit *whole, Buf *b)
{
    Stream st;
    if (!stream_init(&st, whole))
        return;
    if (st.blame) {
        buf_printf(b,
                   "/* There is no %s_step: an output needs the whole "
                   "sequence (%s). */\n\n",
                   st.api.name, st.blame);
        return;
    }
    buf_printf(b,
               "/* Bytes of the work block of one step. */\n"
               "enum { %s_STEP_WORK = %s };\n\n",
               st.api.name, emit_size(&st.e, step_work(&st)));
    header_prepared(&st, b);
    header_state(&st, b);
    header_steps(&st, b);
}

/* ---- source ---- */

static void source_prepare(Stream *st, Buf *b)
{
    Emit *e = &st->e;
    e->preparing = true;
    emit_stages(e, FN_FORWARD, true);
    buf_printf(b,
               "void %s_prepare(const %s *params, %s_prepared *prepared, "
               "%s *work)\n{\n",
               st->api.name, e->real, st->api.name, e->real);
    emit_pointers(e, b);
    buf_puts(b, "    (void)params;\n    (void)prepared;\n    (void)work;\n");
    for (int i = 0; i < st->array.n; i++) {
        Val v = st->array.v[i];
        if (e->s->val.v[v].kind == VAL_PARAM)
            buf_printf(b, "    copy(prepared->%s, params + %s, %s);\n",
                       e->array[v], emit_size(e, e->p->loc[v].at.c),
                       emit_size(e, e->s->val.v[v].n));
    }
    buf_printf(b, "%s}\n\n", e->body.n ? e->body.s : "");
    e->preparing = false;
}

/* Forward, from prepared parameters; `behind`: steps that were taken before. */
static void source_advance(Stream *st, Buf *b)
{
    Emit *e = &st->e;
    e->p = &st->plan;
    emit_stages(e, FN_FORWARD, false);
    buf_printf(b,
               "static INLINED void advance(const %s_prepared *prepared, %s "
               "*work, int64_t behind, int64_t T, int64_t B)\n{\n",
               st->api.name, e->real);
    emit_pointers(e, b);
    buf_puts(b, "    (void)prepared;\n    (void)work;\n"
                "    (void)behind;\n    (void)T;\n"
                "    (void)B;\n");
    buf_printf(b, "%s}\n\n", e->body.n ? e->body.s : "");
    e->p = st->api.p;
}

static void source_reset(Stream *st, Buf *b)
{
    Api *api = &st->api;
    buf_printf(b, "void %s_reset(%s_state *state)\n{\n    state->steps = 0;\n",
               api->name, api->name);
    for (int i = 0; i < api->carried.n; i++) {
        const CellTensor *t = api->carried.v[i].t;
        buf_printf(b,
                   "    for (int i = 0; i < %s; i++)\n"
                   "        state->%s[i] = 0;\n",
                   emit_size(api->e, t->lag * api_elements(t)),
                   api->carried.v[i].name);
    }
    buf_puts(b, "}\n\n");
}

/* Rows of what is carried between the states and those before step `first` of
 * the work block: "0" or "T". */
static void source_carry(Stream *st, Buf *b, bool in)
{
    Api *api = &st->api;
    for (int i = 0; i < api->carried.n; i++) {
        const CellTensor *t = api->carried.v[i].t;
        const char *n = emit_size(api->e, api_elements(t));
        const char *name = api->carried.v[i].name;
        const char *row =
            arena_printf(api->e->arena, "%s + ((%si)*B + b)*%s",
                         api_at(api, t, -t->lag), in ? "" : "T + ", n);
        const char *kept =
            arena_printf(api->e->arena, "state[b].%s%s%s", name,
                         t->lag > 1 ? " + i*" : "", t->lag > 1 ? n : "");
        if (t->lag > 1)
            buf_printf(b, "        for (int i = 0; i < %d; i++)\n    ", t->lag);
        else
            row = arena_printf(api->e->arena, "%s + (%s)*%s",
                               api_at(api, t, -1), in ? "b" : "T*B + b", n);
        buf_printf(b, "        copy(%s, %s, %s);\n", in ? row : kept,
                   in ? kept : row, n);
    }
}

static void source_steps(Stream *st, Buf *b)
{
    Api *api = &st->api;
    const char *n = api->name;
    Buf head;
    buf_init(&head, api->e->arena);
    print_step_head(st, &head, true);
    buf_printf(b, "static INLINED int stream%s\n{\n", strchr(head.s, '('));
    buf_printf(b,
               "    for (int64_t b = 1; b < B; b++)\n"
               "        if (%s)\n            return 1;\n",
               counts_steps(st) ? "state[b].steps != state->steps"
                                : "(state[b].steps == 0) != (state->steps "
                                  "== 0)");
    buf_puts(b, "    begin_steps(work, NULL, state->steps == 0, T, B);\n");
    api_inputs(api, b);
    buf_puts(b, "    for (int64_t b = 0; b < B; b++) {\n");
    source_carry(st, b, true);
    buf_puts(b, "    }\n    advance(prepared, work, state->steps, T, B);\n"
                "    for (int64_t b = 0; b < B; b++) {\n");
    source_carry(st, b, false);
    buf_puts(b, "        state[b].steps += T;\n    }\n");
    api_outputs(api, b);
    buf_puts(b, "    return 0;\n}\n\n");
    for (int many = 0; many < 2; many++) {
        print_step_head(st, b, many);
        buf_puts(b, "\n{\n    return stream(prepared, state, ");
        api_names(api, b);
        buf_puts(b, many ? "work, T, B);\n}\n\n" : "work, 1, 1);\n}\n\n");
    }
    buf_printf(b,
               "size_t %s_steps_work(int64_t T, int64_t B)\n{\n"
               "    return (size_t)(%s) * sizeof(%s);\n}\n",
               n, emit_poly(api->e, api->p->work_size), api->real);
}

void stream_source(Emit *whole, Buf *b)
{
    Stream st;
    if (!stream_init(&st, whole) || st.blame)
        return;
    buf_puts(b, "\n/* The code of one step knows that it is one. */\n"
                "#if defined(__GNUC__)\n"
                "#define INLINED inline __attribute__((always_inline))\n"
                "#else\n#define INLINED inline\n#endif\n\n");
    source_prepare(&st, b);
    source_advance(&st, b);
    api_begin(&st.api, b, "begin_steps");
    source_reset(&st, b);
    source_steps(&st, b);
    for (int i = 0; i < st.e.kernels.n; i++)
        emit_use(whole, st.e.kernels.v[i]);
    whole->independent |= st.e.independent;
}
