/* What users of an emitted file see: the header with its documentation, and
 * the functions around forward and backward that take plain arrays, stream
 * step by step, and say where things are. */
#include "emitapi.h"

#include <string.h>

extern const unsigned char embed_cellrt[]; /* ../runtime/cellrt.h */

/* ---- what there is ---- */

int64_t api_elements(const CellTensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++)
        n *= t->dim[i];
    return n;
}

/* Whether one of some arguments is the same array. */
static bool has_place(const Arg *arg, int n, const CellTensor *t)
{
    for (int i = 0; i < n; i++)
        if (!memcmp(&arg[i].t->at, &t->at, sizeof t->at))
            return true;
    return false;
}

static void find_args(Api *api)
{
    static const char *const own[] = {
        "params", "grads", "work",  "state",   "prepared", "lengths",
        "T",      "B",     "code",  "rate",    "tensor",   "i",
        "copy",   "put",   "begin", "tensors", "NULL"};
    Emit *e = api->e;
    e->taken.n = e->fixed;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        emit_fresh(e, own[i]);
    for (int i = 0; i < api->p->tensor.n; i++) {
        const CellTensor *t = &api->p->tensor.v[i];
        Arg arg = {t, NULL};
        bool out =
            t->role == CELL_OUTPUT ||
            (t->role == CELL_DRAW && !has_place(api->out.v, api->out.n, t));
        if (t->role == CELL_INPUT || t->role == CELL_NOISE || out) {
            arg.name = emit_fresh(e, emit_identifier(e->arena, t->name));
            if (out)
                vec_push(e->arena, &api->out, arg);
            else
                vec_push(e->arena, &api->in, arg);
        }
        arg.name = api->id[i];
        if (t->lag > 0 && t->axes & CELL_T &&
            !has_place(api->carried.v, api->carried.n, t))
            vec_push(e->arena, &api->carried, arg);
    }
}

void api_init(Api *api, Emit *e)
{
    memset(api, 0, sizeof *api);
    api->e = e;
    api->p = e->p;
    api->name = e->o->name;
    api->real = e->real;
    api->id = NEW_N(e->arena, const char *, e->p->tensor.n + 1);
    e->locals.n = 0;
    Names fixed = e->taken; /* nothing to these: they follow a prefix */
    memset(&e->taken, 0, sizeof e->taken);
    for (int i = 0; i < e->p->tensor.n; i++)
        api->id[i] =
            emit_fresh(e, emit_identifier(e->arena, e->p->tensor.v[i].name));
    e->taken = fixed;
    find_args(api);
}

/* [T,B,64] as in comments. */
const char *api_extents(Api *api, const CellTensor *t, bool step)
{
    Buf b;
    buf_init(&b, api->e->arena);
    buf_putc(&b, '[');
    for (int i = CELL_AXES - 1; i >= 0 && !step; i--)
        if (t->axes & emit_inner_first[i])
            buf_printf(&b, "%s,", emit_extent(emit_inner_first[i]));
    for (int i = 0; i < t->rank; i++)
        buf_printf(&b, "%s,", emit_size(api->e, t->dim[i]));
    if (b.n == 1)
        return "[1]";
    return arena_printf(api->e->arena, "%.*s]", (int)b.n - 1, b.s);
}

/* Its number of reals as C over the extents. */
const char *api_count(Api *api, const CellTensor *t)
{
    CellSize s = {0};
    *(t->axes ? &s.by[t->axes] : &s.c) = api_elements(t);
    return emit_poly(api->e, s);
}

/* ---- header ---- */

void api_args(Api *api, Buf *b)
{
    for (int i = 0; i < api->in.n; i++)
        buf_printf(b, "const %s *%s, ", api->real, api->in.v[i].name);
    for (int i = 0; i < api->out.n; i++)
        buf_printf(b, "%s *%s, ", api->real, api->out.v[i].name);
}

/* "lengths, lengths_u, ", each with `type` before it. */
static const char *lengths_args(Api *api, const char *type)
{
    Buf b;
    buf_init(&b, api->e->arena);
    buf_printf(&b, "%slengths, ", type);
    for (int i = 1; i < api->p->s->ntime; i++)
        if (sched_like(api->p->s, i) < 0)
            buf_printf(&b, "%slengths_%s, ", type, emit_variable(cell_time(i)));
    return b.s;
}

void api_names(Api *api, Buf *b)
{
    for (int i = 0; i < api->in.n; i++)
        buf_printf(b, "%s, ", api->in.v[i].name);
    for (int i = 0; i < api->out.n; i++)
        buf_printf(b, "%s, ", api->out.v[i].name);
}

static void print_run_head(Api *api, Buf *b)
{
    buf_printf(b, "int %s_run(const %s *params, ", api->name, api->real);
    api_args(api, b);
    buf_printf(b, "%s%s *work, %s)", lengths_args(api, "const int64_t *"),
               api->real, emit_extents(api->e, "int64_t "));
}

/* What to know about an input beside its extents. */
static const char *input_doc(const CellTensor *t)
{
    if (t->role == CELL_NOISE)
        return ", drawn by the caller";
    if (!(t->flags & CELL_INDEX))
        return t->flags & CELL_OBSERVED
                   ? "; NULL: zeros, where the loss does not matter"
                   : "";
    return t->flags & CELL_OBSERVED
               ? ", classes from 0, negative where not observed; NULL: none is"
               : ", classes from 0";
}

void api_arg_docs(Api *api, Buf *b, bool step)
{
    for (int i = 0; i < api->in.n; i++)
        buf_printf(b, " * %s %s: in%s.\n", api->in.v[i].name,
                   api_extents(api, api->in.v[i].t, step),
                   input_doc(api->in.v[i].t));
    for (int i = 0; i < api->out.n; i++)
        buf_printf(b, " * %s %s: out; NULL if it is not wanted.\n",
                   api->out.v[i].name, api_extents(api, api->out.v[i].t, step));
}

/* What the number of steps of time axis i follows from. */
static const char *follows(Api *api, int i)
{
    const Sched *s = api->p->s;
    if (sched_like(s, i) < 0)
        return "";
    const char *of = emit_extent(cell_time(sched_like(s, i)));
    return sched_same(s, i)
               ? arena_printf(api->e->arena, ", as many as %s", of)
               : arena_printf(api->e->arena, ", %s/%d but at least 1", of,
                              sched_rate(s, i));
}

static void header_head(Api *api, Buf *b)
{
    const EmitOptions *o = api->e->o;
    buf_printf(b, "/* %s.h: the model %s as C99, made by cellc%s%s.\n",
               api->name, api->name, o->version ? " " : "",
               o->version ? o->version : "");
    if (o->command)
        buf_printf(b, " *     %s\n", o->command);
    buf_puts(b, " * The caller owns all memory: nothing is allocated, kept or "
                "printed, so that threads may share parameters and work on "
                "blocks of their own.\n"
                " * Arrays are dense and row-major; [T,B,n] is T steps of B "
                "sequences of n reals, T and B at least 1.  Arrays of one call "
                "must not overlap.\n");
    for (int i = 0; i < api->p->s->ntime && api->p->s->ntime > 1; i++)
        buf_printf(b, " * %s: steps of the time axis %s%s.\n",
                   emit_extent(cell_time(i)), emit_time_name(api->p, i),
                   follows(api, i));
    buf_puts(b, " * Functions of type int return 0. */\n");
}

static void header_params(Api *api, Buf *b)
{
    buf_printf(b,
               "/* Parameters are one block of %s_PARAMS reals, gradients "
               "another; each parameter begins at the place given here.  "
               "%s_desc has their names, extents and start values, for "
               "programs that load a .safetensors file by name. */\nenum {\n",
               api->name, api->name);
    for (int i = 0; i < api->p->tensor.n; i++) {
        const CellTensor *t = &api->p->tensor.v[i];
        if (t->role == CELL_PARAM)
            buf_printf(b, "    %s_AT_%s = %s, /* %s %s */\n", api->name,
                       api->id[i], emit_size(api->e, t->at.c), t->name,
                       api_extents(api, t, false));
    }
    buf_printf(b, "    %s_PARAMS = %s\n};\n\n", api->name,
               emit_size(api->e, api->p->param_size));
}

static void header_tensors(Api *api, Buf *b)
{
    buf_printf(b, "/* What the work block holds, for %s_tensor(). */\nenum {\n",
               api->name);
    for (int i = 0; i < api->p->tensor.n; i++) {
        const CellTensor *t = &api->p->tensor.v[i];
        if (t->role != CELL_PARAM)
            buf_printf(b, "    %s_TENSOR_%s = %d, /* %s %s */\n", api->name,
                       api->id[i], i, t->name, api_extents(api, t, false));
    }
    buf_printf(b, "    %s_TENSORS = %d\n};\n\n", api->name, api->p->tensor.n);
    buf_printf(b,
               "/* Where tensor i of %s_desc begins in a work block of T steps "
               "of B sequences. */\n"
               "%s *%s_tensor(%s *work, int i, %s);\n\n",
               api->name, api->real, api->name, api->real,
               emit_extents(api->e, "int64_t "));
}

static void header_batch(Api *api, Buf *b)
{
    const char *n = api->name;
    buf_printf(b,
               "/* Bytes of a work block for T steps of B sequences. */\n"
               "size_t %s_work(%s);\n\n",
               n, emit_extents(api->e, "int64_t "));
    buf_printf(b,
               "/* Runs B whole sequences from their start.\n"
               " * params [%s_PARAMS]: in.\n",
               n);
    api_arg_docs(api, b, false);
    buf_puts(b, " * lengths [B]: in, steps of each sequence, 1 to T; NULL: all "
                "have T.\n");
    for (int i = 1; i < api->p->s->ntime; i++)
        if (sched_like(api->p->s, i) < 0)
            buf_printf(
                b, " * lengths_%s [B]: the same along %s, 1 to %s; NULL: %s.\n",
                emit_variable(cell_time(i)), emit_time_name(api->p, i),
                emit_extent(cell_time(i)), emit_extent(cell_time(i)));
    buf_printf(b,
               " * work: %s_work(%s) bytes; holds afterwards what %s_tensor() "
               "finds and what backward needs. */\n",
               n, emit_extents(api->e, ""), n);
    print_run_head(api, b);
    buf_puts(b, ";\n\n");
    buf_printf(b,
               "/* The bare function: inputs, lengths and the rest have been "
               "written to `work` (the comment above CellFn says what).  "
               "`grads` is not looked at. */\n"
               "int %s_forward(const void *params, void *grads, void *work, "
               "%s);\n\n",
               n, emit_extents(api->e, "int64_t "));
}

static void header_learn(Api *api, Buf *b)
{
    const char *n = api->name;
    if (!api->p->s->fn[FN_BACKWARD].stage.n)
        return;
    buf_printf(b,
               "/* Gradients of the loss, after %s_run or %s_forward with the "
               "same params, work and extents.\n"
               " * grads [%s_PARAMS]: out, overwritten; the gradients of "
               "inputs go to `work`. */\n"
               "int %s_backward(const void *params, void *grads, void *work, "
               "%s);\n\n",
               n, n, n, n, emit_extents(api->e, "int64_t "));
    buf_printf(b,
               "/* One step of gradient descent: params -= rate * grads, but "
               "for frozen ones; what the model confines to an interval "
               "stays in it. */\n"
               "void %s_update(%s *params, const %s *grads, %s rate);\n\n",
               n, api->real, api->real, api->real);
}

const char *emit_header(const Plan *p, const EmitOptions *o, Arena *a)
{
    Emit e;
    Api api;
    EmitOptions plain = *o;
    plain.nsize = 0; /* the names of sizes are the source file's own */
    emit_init(&e, p, &plain, a, &emit_loops_style);
    api_init(&api, &e);
    Buf b;
    buf_init(&b, a);
    header_head(&api, &b);
    Buf guard;
    buf_init(&guard, a);
    for (const char *s = o->name; *s; s++)
        buf_putc(&guard, (char)(*s >= 'a' && *s <= 'z' ? *s - 32 : *s));
    buf_printf(&b, "#ifndef %s_H\n#define %s_H\n\n", guard.s, guard.s);
    Buf out;
    buf_init(&out, a);
    buf_puts(&out, emit_wrap(&e, b.s));
    buf_puts(&out, (const char *)embed_cellrt);
    b.n = 0;
    buf_puts(&b, "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    header_params(&api, &b);
    header_batch(&api, &b);
    header_learn(&api, &b);
    stream_header(&e, &b);
    header_tensors(&api, &b);
    buf_printf(&b, "extern const CellDesc %s_desc;\n\n", o->name);
    buf_puts(&b, "#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
    buf_puts(&out, emit_wrap(&e, b.s));
    return out.s;
}

/* ---- source ---- */

/* Pointer to step `row`, counted from the first, of a tensor. */
const char *api_at(Api *api, const CellTensor *t, int row)
{
    CellSize at = t->at;
    int64_t n = api_elements(t) * row;
    if (t->axes & CELL_B)
        at.by[CELL_B] += n;
    else
        at.c += n;
    if (!emit_has_terms(at))
        return "work";
    return arena_printf(api->e->arena, "work + %s", emit_poly(api->e, at));
}

static const char *bracketed(Api *api, const CellTensor *t)
{
    const char *at = api_at(api, t, 0);
    return strchr(at, ' ') ? arena_printf(api->e->arena, "(%s)", at) : at;
}

/* The argument with the lengths along time axis i. */
static const char *lengths_of(Api *api, int i)
{
    return i ? arena_printf(api->e->arena, "lengths_%s",
                            emit_variable(cell_time(i)))
             : "lengths";
}

/* The lengths along an axis, from the argument that they follow from. */
static void source_length(Api *api, Buf *b, const CellTensor *t)
{
    int axis = t->of;
    int64_t rate = 1;
    for (; sched_like(api->p->s, axis) >= 0; axis = sched_like(api->p->s, axis))
        rate *= sched_rate(api->p->s, axis);
    const char *given = lengths_of(api, axis);
    const char *all = emit_extent(cell_time(axis));
    buf_printf(b,
               "    for (int64_t i = 0; i < B; i++)\n"
               "        %s[i] = ",
               bracketed(api, t));
    if (rate > 1)
        buf_printf(b, "(%s)((%s ? %s[i] : %s)/%lld);\n", api->real, given,
                   given, all, (long long)rate);
    else
        buf_printf(b, "%s ? (%s)%s[i] : (%s)%s;\n", given, api->real, given,
                   api->real, all);
}

/* Scalars and lengths that every run sets. */
void api_begin(Api *api, Buf *b, const char *name)
{
    static const struct {
        int role;
        const char *value;
    } row[] = {{CELL_LAST, "1"},  {CELL_START, "start"}, {CELL_BATCH, "(%s)B"},
               {CELL_TOTAL, "0"}, {CELL_SKIP, "0"},      {CELL_PAST, "0"},
               {CELL_FRESH, "1"}};
    buf_printf(b,
               "/* Lengths and what else every run needs; start: 1 at the "
               "start of sequences. */\n"
               "static void %s(%s *work, %s%s start, %s)\n{\n",
               name, api->real, lengths_args(api, "const int64_t *"), api->real,
               emit_extents(api->e, "int64_t "));
    for (int i = 0; i < api->p->s->ntime; i++)
        if (sched_like(api->p->s, i) >= 0)
            buf_printf(b, "    (void)%s;\n", emit_extent(cell_time(i)));
        else
            buf_printf(b, "    (void)%s;\n    (void)%s;\n", lengths_of(api, i),
                       emit_extent(cell_time(i)));
    buf_puts(b, "    (void)start;\n");
    for (int i = 0; i < api->p->tensor.n; i++) {
        const CellTensor *t = &api->p->tensor.v[i];
        if (t->role == CELL_LENGTH)
            source_length(api, b, t);
        for (size_t k = 0; k < sizeof row / sizeof *row; k++)
            if (row[k].role == t->role) {
                buf_printf(b,
                           "    for (int64_t i = 0; i < %s; i++)\n"
                           "        %s[i] = ",
                           api_count(api, t), bracketed(api, t));
                for (const char *s = row[k].value; *s; s++)
                    if (*s == '%')
                        buf_puts(b, api->real), s++;
                    else
                        buf_putc(b, *s);
                buf_puts(b, ";\n");
            }
    }
    buf_puts(b, "}\n\n");
}

/* What the functions call; `steps`: those of streams, too. */
static void source_helpers(Api *api, Buf *b, bool steps)
{
    if (api->in.n)
        buf_printf(b,
                   "static void put(%s *to, const %s *from, int64_t count, %s "
                   "missing)\n{\n    for (int64_t i = 0; i < count; i++)\n"
                   "        to[i] = from ? from[i] : missing;\n}\n\n",
                   api->real, api->real, api->real);
    if (!api->out.n && !steps)
        return;
    buf_printf(b,
               "static void copy(%s *to, const %s *from, int64_t count)\n{\n"
               "    for (int64_t i = 0; i < count && to; i++)\n"
               "        to[i] = from[i];\n}\n\n",
               api->real, api->real);
}

void api_inputs(Api *api, Buf *b)
{
    for (int i = 0; i < api->in.n; i++) {
        const CellTensor *t = api->in.v[i].t;
        bool index = t->flags & CELL_INDEX && t->flags & CELL_OBSERVED;
        buf_printf(b, "    put(%s, %s, %s, %s);\n", api_at(api, t, 0),
                   api->in.v[i].name, api_count(api, t), index ? "-1" : "0");
    }
}

void api_outputs(Api *api, Buf *b)
{
    for (int i = 0; i < api->out.n; i++)
        buf_printf(b, "    copy(%s, %s, %s);\n", api->out.v[i].name,
                   api_at(api, api->out.v[i].t, 0),
                   api_count(api, api->out.v[i].t));
}

static void source_run(Api *api, Buf *b)
{
    print_run_head(api, b);
    buf_printf(b, "\n{\n    begin(work, %s1, %s);\n", lengths_args(api, ""),
               emit_extents(api->e, ""));
    api_inputs(api, b);
    buf_printf(b, "    const int code = %s_forward(params, NULL, work, %s);\n",
               api->name, emit_extents(api->e, ""));
    api_outputs(api, b);
    buf_puts(b, "    return code;\n}\n\n");
}

/* The extents in the order of CELL_AT_T, CELL_AT_B, ... */
static const char *extents_list(Api *api)
{
    static const char *const list[] = {"T, B, 1, 1", "T, B, U, 1",
                                       "T, B, U, V"};
    return list[api->p->s->ntime - 1];
}

static void source_places(Api *api, Buf *b)
{
    const char *n = api->name, *real = api->real;
    buf_printf(b,
               "size_t %s_work(%s)\n{\n"
               "    return (size_t)(%s) * sizeof(%s);\n}\n\n",
               n, emit_extents(api->e, "int64_t "),
               emit_poly(api->e, api->p->work_size), real);
    buf_printf(b,
               "%s *%s_tensor(%s *work, int i, %s)\n{\n"
               "    const int64_t extent[CELL_AXES] = {%s};\n"
               "    return work + cell_size(%s_desc.tensor[i].at, "
               "extent);\n}\n",
               real, n, real, emit_extents(api->e, "int64_t "),
               extents_list(api), n);
    if (!api->p->s->fn[FN_BACKWARD].stage.n)
        return;
    buf_printf(b,
               "\nvoid %s_update(%s *params, const %s *grads, %s rate)\n{\n"
               "    for (int k = 0; k < %s_desc.ntensor; k++) {\n"
               "        const CellTensor *t = &tensors[k];\n"
               "        int64_t count = t->role == CELL_PARAM && !(t->flags & "
               "CELL_FROZEN);\n"
               "        for (int i = 0; i < t->rank; i++)\n"
               "            count *= t->dim[i];\n"
               "        for (int64_t i = t->at.c; i < t->at.c + count; i++) {\n"
               "            const %s value = params[i] - rate * grads[i];\n"
               "            if (value > (%s)t->lo && value < (%s)t->hi)\n"
               "                params[i] = value;\n"
               "        }\n    }\n}\n",
               n, real, real, real, n, real, real, real);
}

/* Executables are built with flags that keep every bit instead. */
static const char for_gcc[] =
    "/* What lets gcc vectorise; clang does not need it. */\n"
    "#if defined(__GNUC__) && !defined(__clang__)\n"
    "#pragma GCC optimize(\"no-math-errno\", \"no-trapping-math\", "
    "\"fp-contract=fast\")\n"
    "#endif\n\n";

const char *emit_source(const Plan *p, const EmitOptions *o, Arena *a)
{
    Emit e;
    Api api;
    EmitStyle style = o->app ? emit_kernels_style() : emit_loops_style;
    emit_init(&e, p, o, a, &style);
    e.packs_once = !o->app;
    Buf b, stream, tail;
    buf_init(&b, a);
    buf_init(&stream, a);
    buf_init(&tail, a);
    stream_source(&e, &stream);
    buf_printf(&b, "/* %s.c: see %s.h. */\n", o->name, o->name);
    emit_loops_file(&e, &b,
                    arena_printf(a,
                                 "%s#include \"%s.h\"\n\n#include <math.h>\n",
                                 o->app ? "" : for_gcc, o->name));
    emit_entries(&e, &b, "static ");
    buf_putc(&b, '\n');
    emit_desc_text(&e, &b);
    buf_putc(&b, '\n');
    api_init(&api, &e);
    source_helpers(&api, &tail, stream.n > 0);
    api_begin(&api, &tail, "begin");
    source_run(&api, &tail);
    source_places(&api, &tail);
    if (stream.n)
        buf_puts(&tail, stream.s);
    buf_puts(&b, emit_wrap(&e, tail.s));
    return b.s;
}
