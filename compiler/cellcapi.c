/* Settings, questions and texts of the public API; the pipeline itself is in
 * cellc.c. */
#include "cellcint.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cost.h"
#include "dot.h"
#include "explain.h"
#include "latex.h"

static const char *keep(Cellc *c, const char *s)
{
    return arena_printf(c->keep, "%s", s);
}

int cellc_option(Cellc *c, const char *name, const char *value)
{
    if (setjmp(c->escape.env))
        return CELLC_INTERNAL;
    for (int i = 0; i < c->option.n; i++)
        if (!strcmp(c->option.v[i].key, name)) {
            c->option.v[i].value = keep(c, value);
            return CELLC_OK;
        }
    CellcPair p = {keep(c, name), keep(c, value)};
    vec_push(c->keep, &c->option, p);
    return CELLC_OK;
}

int cellc_dim(Cellc *c, const char *name, long size)
{
    if (setjmp(c->escape.env))
        return CELLC_INTERNAL;
    if (size < 1) {
        cellc_say(c, "error",
                  "cellc: error: dim %s = %ld: a size is at "
                  "least 1\n",
                  name, size);
        return CELLC_USAGE;
    }
    for (int i = 0; i < c->dim.n; i++)
        if (!strcmp(c->dim.v[i].name, name)) {
            c->dim.v[i].size = size;
            return CELLC_OK;
        }
    CellcSize d = {keep(c, name), size};
    vec_push(c->keep, &c->dim, d);
    return CELLC_OK;
}

int cellc_vocab(Cellc *c, const char *set, int n, const char *const *names)
{
    if (setjmp(c->escape.env))
        return CELLC_INTERNAL;
    const char **copy = NEW_N(c->keep, const char *, n + 1);
    for (int i = 0; i < n; i++)
        copy[i] = keep(c, names[i]);
    Vocab v = {keep(c, set), n, copy};
    for (int i = 0; i < c->vocab.n; i++)
        if (!strcmp(c->vocab.v[i].set, set)) {
            c->vocab.v[i] = v;
            return cellc_dim(c, set, n);
        }
    vec_push(c->keep, &c->vocab, v);
    char *end;
    (void)strtol(set, &end, 10);
    return *end ? cellc_dim(c, set, n) : CELLC_OK; /* `in 2` has its size */
}

int cellc_weights(Cellc *c, const char *input, int n, const double *weight)
{
    if (setjmp(c->escape.env))
        return CELLC_INTERNAL;
    ClassWeights w = {keep(c, input), n, NEW_N(c->keep, double, n + 1)};
    memcpy(w.weight, weight, sizeof *weight * (size_t)n);
    for (int i = 0; i < c->classes.n; i++)
        if (!strcmp(c->classes.v[i].name, input)) {
            c->classes.v[i] = w;
            return CELLC_OK;
        }
    vec_push(c->keep, &c->classes, w);
    return CELLC_OK;
}

static bool truth(const char *value)
{
    return strcmp(value, "0") != 0;
}

static EmitWeights find_weights(const char *name)
{
    static const char *const names[WEIGHTS_COUNT] = {"f32", "bf16", "int8"};
    int i = 0;
    while (i < WEIGHTS_COUNT && strcmp(names[i], name) != 0)
        i++;
    return (EmitWeights)i;
}

static bool probability(const char *text, double *p)
{
    char *end;
    *p = strtod(text, &end);
    return end > text && !*end && *p >= 0 && *p <= 1;
}

static int set_word(Cellc *c, const char *key, const char *value)
{
    if (!strcmp(key, "state"))
        vec_push(c->keep, &c->state, keep(c, value));
    else if (!strcmp(key, "upstream"))
        vec_push(c->keep, &c->upstream, keep(c, value));
    else if (!strcmp(key, "flow"))
        vec_push(c->keep, &c->flow, keep(c, value));
    else if (!strcmp(key, "probe"))
        vec_push(c->keep, &c->probe, keep(c, value));
    else if (!strcmp(key, "name"))
        c->name = keep(c, value);
    else if (!strcmp(key, "chunk")) {
        c->chunks.steps = strtol(value, NULL, 10);
        c->chunks.off = c->chunks.steps <= 0;
    } else if (!strcmp(key, "threads"))
        c->chunks.threads = (int)strtol(value, NULL, 10);
    else if (!strcmp(key, "sequences"))
        c->sequences = strtol(value, NULL, 10);
    else if (!strcmp(key, "backend") &&
             (!strcmp(value, "tcc") || !strcmp(value, "cc") ||
              !strcmp(value, "eval")))
        c->backend = keep(c, value);
    else if (!strcmp(key, "weights") && find_weights(value) < WEIGHTS_COUNT)
        c->weights = find_weights(value);
    else if (!strcmp(key, "reduce") &&
             (!strcmp(value, "sequence") || !strcmp(value, "token") ||
              !strcmp(value, "sum")))
        c->set.reduce = keep(c, value);
    else if (!strcmp(key, "part") &&
             (!strcmp(value, "whole") || !strcmp(value, "known") ||
              !strcmp(value, "step")))
        c->part = strcmp(value, "whole") != 0 ? keep(c, value) : NULL;
    else if (!strcmp(key, "teacher") && probability(value, &c->set.teacher))
        return CELLC_OK;
    else
        return CELLC_USAGE;
    return CELLC_OK;
}

/* What a setting may be, where few words do. */
static void say_setting(Cellc *c, const char *key, const char *value)
{
    static const char *const known[][2] = {{"backend", "tcc, cc or eval"},
                                           {"reduce", "sequence, token or sum"},
                                           {"teacher", "a share from 0 to 1"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(key, known[i][0])) {
            cellc_say(c, "error", "cellc: error: %s is %s, found \"%s\"\n", key,
                      known[i][1], value);
            return;
        }
    cellc_say(c, "error", "cellc: error: no setting %s = %s\n", key, value);
}

int cellc_set(Cellc *c, const char *key, const char *value)
{
    struct {
        const char *key;
        bool *to;
    } flag[] = {{"double", &c->real64},         {"training", &c->set.training},
                {"backward", &c->set.backward}, {"total", &c->set.total},
                {"loss", &c->set.loss},         {"outputs", &c->set.outputs},
                {"states", &c->states},         {"skip", &c->set.skip},
                {"past", &c->set.past},         {"inputgrad", &c->inputgrad},
                {"segments", &c->segments},     {"timed", &c->timed},
                {"steady", &c->steady}};
    if (setjmp(c->escape.env))
        return CELLC_INTERNAL;
    for (size_t i = 0; i < sizeof flag / sizeof *flag; i++)
        if (!strcmp(flag[i].key, key)) {
            *flag[i].to = truth(value);
            return CELLC_OK;
        }
    if (!set_word(c, key, value))
        return CELLC_OK;
    say_setting(c, key, value);
    return CELLC_USAGE;
}

int cellc_decl_count(const Cellc *c)
{
    return c->elab.decl.n;
}

const CellcDecl *cellc_decl(const Cellc *c, int i)
{
    return i >= 0 && i < c->elab.decl.n ? &c->elab.decl.v[i] : NULL;
}

const char *cellc_open_dim(const Cellc *c, int i)
{
    return i >= 0 && i < c->elab.open.n ? c->elab.open.v[i] : NULL;
}

int cellc_option_at(const Cellc *c, int i, const char **name,
                    const char **value, const char **doc)
{
    if (i < 0 || i >= c->elab.option.n)
        return 0;
    *name = c->elab.option.v[i].name;
    *value = c->elab.option.v[i].value;
    *doc = c->elab.option.v[i].doc;
    return 1;
}

int cellc_option_is_layer(const Cellc *c, int i)
{
    return i >= 0 && i < c->elab.option.n && c->elab.option.v[i].layer;
}

int cellc_axis_at(const Cellc *c, int i, const char **name, int *like,
                  int *rate)
{
    const Graph *g = c->elab.graph;
    if (i < 0 || !g || i >= g->time.n)
        return 0;
    *name = g->time.v[i].name;
    *like = g->time.v[i].like;
    *rate = g->time.v[i].rate;
    return 1;
}

int cellc_member_at(const Cellc *c, int i, const char **set, const char **name)
{
    if (i < 0 || i >= c->elab.member.n)
        return 0;
    *set = c->elab.member.v[i].set;
    *name = c->elab.member.v[i].name;
    return 1;
}

int cellc_setting_at(const Cellc *c, const char *block, int i, const char **key,
                     const char **value)
{
    AstKind kind = !strcmp(block, "data") ? A_DATA : A_TRAIN;
    for (int f = 0; c->run && f < c->nfile; f++)
        for (Ast *a = c->file[f]->kid; a; a = a->next)
            for (Ast *k = a->kid; a->kind == kind && k; k = k->next) {
                if (i--)
                    continue;
                Buf b;
                buf_init(&b, c->run);
                if (k->kid)
                    ast_print_expr(&b, k->kid);
                *key = k->name;
                *value = b.s ? b.s : "1";
                return 1;
            }
    return 0;
}

/* The file's name without folder and ending, as an identifier. */
const char *cellc_model_name(Cellc *c)
{
    const char *path = c->text.n ? c->text.v[c->text.n - 1].name : "model";
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    const char *dot = strrchr(base, '.');
    size_t n = dot && dot > base ? (size_t)(dot - base) : strlen(base);
    char *name = emit_identifier(c->run, arena_strndup(c->run, base, n));
    return isalpha((unsigned char)*name) ? name
                                         : arena_printf(c->run, "m%s", name);
}

static const char *settings_text(Cellc *c)
{
    static const char *const block[] = {"train", "data"};
    Buf b;
    buf_init(&b, c->run);
    for (int k = 0; k < 2; k++) {
        const char *key, *value;
        for (int i = 0; cellc_setting_at(c, block[k], i, &key, &value); i++)
            buf_printf(&b, "%s.%s = %s\n", block[k], key, value);
    }
    return b.s;
}

EmitOptions cellc_emit_options(Cellc *c, int flags)
{
    EmitOptions o;
    memset(&o, 0, sizeof o);
    o.name = c->set.name;
    o.real64 = c->real64;
    o.freestanding = (flags & CELLC_FREESTANDING) != 0;
    o.app = (flags & CELLC_APP) != 0;
    o.spec = cellc_whole_text(c);
    o.trained = settings_text(c);
    o.version = cellc_version();
    o.sources = &c->sources;
    VEC(EmitSize) size = {0};
    for (int i = 0; i < c->elab.option.n; i++) {
        char *end;
        long v = strtol(c->elab.option.v[i].value, &end, 10);
        EmitSize s = {c->elab.option.v[i].name, v};
        if (!*end && v > 1)
            vec_push(c->run, &size, s);
    }
    for (int i = 0; i < c->dim.n; i++) {
        EmitSize s = {c->dim.v[i].name, c->dim.v[i].size};
        vec_push(c->run, &size, s);
    }
    o.size = size.v;
    o.nsize = size.n;
    VEC(EmitLatency) out = {0};
    for (int i = 0; i < c->elab.decl.n; i++) {
        const CellcDecl *d = &c->elab.decl.v[i];
        EmitLatency l = {d->name, d->latency && strcmp(d->latency, "0")
                                      ? d->blame ? d->blame : d->latency
                                      : NULL};
        if (d->role == CELL_OUTPUT)
            vec_push(c->run, &out, l);
    }
    o.output = out.v;
    o.noutput = out.n;
    o.stream = c->stream;
    o.weights = c->weights;
    return o;
}

static int show_ast(Cellc *c)
{
    for (int i = 0; i < c->nfile; i++)
        ast_dump(&c->shown, c->file[i]);
    return CELLC_OK;
}

/* Leaves whose gradient goes through a derivative of the spec's own: no
 * difference quotient can confirm it. */
static int show_own(Cellc *c)
{
    const Graph *g = c->elab.graph;
    bool *own = g ? NEW_N(c->run, bool, g->slot.n + 1) : NULL;
    for (Ref r = 1; g && r < (Ref)g->node.n; r++)
        for (int i = 1;
             NODE(g, r)->op == OP_OWN && !NODE(g, r)->a && i < NODE(g, r)->nin;
             i += 2) {
            Order o = graph_order_of(g, IN(g, r, i), c->run);
            for (int k = 0; k < g->slot.n; k++)
                own[k] |= o.slot_used[k];
        }
    for (int k = 0; g && k < g->slot.n; k++) {
        const Slot *s = SLOT(g, k);
        if (own[k] && s->kind != SLOT_NOISE)
            buf_printf(&c->shown, "%s%s\n", s->name,
                       s->kind == SLOT_EQN ? "@0" : "");
    }
    return CELLC_OK;
}

static int show_linear(Cellc *c)
{
    if (c->elab.graph)
        buf_puts(&c->shown, cellc_linear(c, false));
    return CELLC_OK;
}

/* A model without a loss is differentiated through all its outputs. */
static int name_outputs(Cellc *c)
{
    bool loss = !c->elab.graph;
    for (int i = 0; !loss && i < c->elab.graph->root.n; i++)
        loss = c->elab.graph->root.v[i].role == CELL_LOSS;
    for (int i = 0; !loss && i < c->elab.decl.n; i++)
        if (c->elab.decl.v[i].role == CELL_OUTPUT &&
            !(c->elab.decl.v[i].flags & CELL_INDEX))
            vec_push(c->keep, &c->upstream, keep(c, c->elab.decl.v[i].name));
    return CELLC_OK;
}

static int show_latex(Cellc *c)
{
    if (c->elab.graph)
        latex_print(&c->shown, c->elab.graph, c->elab.axis.v, c->elab.axis.n,
                    c->elab.decl.v, c->elab.decl.n);
    return CELLC_OK;
}

static int show_dot(Cellc *c)
{
    if (c->elab.graph)
        dot_print(&c->shown, c->elab.graph, &c->sources);
    return CELLC_OK;
}

/* Open dims may stay open in what follows from the equations alone. */
static const struct {
    const char *name;
    int (*open)(Cellc *c);
} stages[] = {{"ast", show_ast},     {"own", show_own}, {"linear", show_linear},
              {"latex", show_latex}, {"dot", show_dot}, {"graph", NULL},
              {"grad", NULL},        {"sched", NULL},   {"plan", NULL},
              {"c", NULL},           {"cost", NULL}};

static int find_stage(const char *name)
{
    for (int i = 0; i < (int)(sizeof stages / sizeof *stages); i++)
        if (!strcmp(stages[i].name, name))
            return i;
    return -1;
}

/* For files that are read and embedded: without chunks, which take memory even
 * where there is one step only. */
static const Plan *plain_plan(Cellc *c)
{
    Chunks none = {.off = true};
    return plan_build(sched_build(c->graph, none, c->run), c->run);
}

static int show_stage(Cellc *c, const char *stage)
{
    if (!strcmp(stage, "graph") || !strcmp(stage, "grad"))
        graph_print(&c->shown, c->graph);
    else if (!strcmp(stage, "cost"))
        buf_printf(&c->shown, "flops %.0f\n", cost_per_step(c->graph, c->run));
    else if (!strcmp(stage, "sched"))
        sched_print(&c->shown, c->sched);
    else if (!strcmp(stage, "plan"))
        plan_print(&c->shown, c->plan);
    else if (!strcmp(stage, "c")) {
        cellc_plan_stream(c);
        EmitOptions o = cellc_emit_options(c, 0);
        buf_puts(&c->shown, emit_source(plain_plan(c), &o, c->run));
    }
    return CELLC_OK;
}

const char *cellc_show(Cellc *c, const char *stage, const char *after)
{
    if (setjmp(c->escape.env)) {
        cellc_say(c, "error", "cellc: internal error: %s\n", c->escape.message);
        return NULL;
    }
    buf_init(&c->shown, c->keep);
    buf_puts(&c->shown, "");
    c->after = after;
    int k = stage ? find_stage(stage) : 0;
    if (k < 0) {
        cellc_say(c, "error",
                  "cellc: error: no stage %s; there are ast, "
                  "graph, grad, sched, plan, c\n",
                  stage);
        return NULL;
    }
    if (stage && stages[k].open) {
        int code = cellc_check(c), given = c->upstream.n;
        if (!code && stages[k].open == show_latex &&
            !cellc_guarded(c, name_outputs) && c->upstream.n > given)
            code = cellc_check(c);
        c->upstream.n = given;
        if (code && !(c->run && !strcmp(stage, "ast")))
            return NULL;
        return cellc_guarded(c, stages[k].open) ? NULL : c->shown.s;
    }
    bool backward = c->set.backward;
    if (stage && (!strcmp(stage, "graph") || !strcmp(stage, "cost")))
        c->set.backward = false;
    int code = cellc_compile(c);
    c->set.backward = backward;
    c->after = NULL;
    if (code)
        return NULL;
    if (setjmp(c->escape.env))
        return NULL;
    if (stage)
        show_stage(c, stage);
    else if (!c->shown.n) {
        cellc_say(c, "error",
                  "cellc: error: no pass %s; there are elaborate, "
                  "final, simplify, gemm, grad, plain\n",
                  after);
        return NULL;
    }
    return c->shown.s;
}

int cellc_products(Cellc *c, CellSize *equations, CellSize *schedule)
{
    if (!c->plan && cellc_compile(c))
        return CELLC_USER;
    if (setjmp(c->escape.env))
        return CELLC_INTERNAL;
    *equations = cost_products(c->graph, c->run);
    *schedule = explain_products(c->sched);
    return CELLC_OK;
}

typedef struct Found {
    Arena *arena;
    Stages stages;
} Found;

static void note_products(void *found, const Stage *st)
{
    Found *f = found;
    vec_push(f->arena, &f->stages, st);
}

static int find_facts(Cellc *c)
{
    Found found = {.arena = c->run};
    EmitOptions o = cellc_emit_options(c, 0);
    o.by_products = note_products;
    o.whom = &found;
    emit_linked(c->plan, &o, c->run); /* only that tells */
    c->facts = explain_plan(c->plan, &c->sources, &found.stages, c->run);
    c->explained = c->plan;
    return CELLC_OK;
}

int cellc_fact_at(Cellc *c, int i, CellcFact *fact)
{
    if ((!c->plan && cellc_compile(c)) ||
        (c->explained != c->plan && cellc_guarded(c, find_facts)) ||
        i >= c->facts.n)
        return 0;
    *fact = c->facts.v[i];
    return 1;
}

static bool of_library(const Cellc *c, Span at)
{
    Place p = source_place(&c->sources, at.lo);
    return !at.hi || !p.file || p.file->library;
}

const char *cellc_file_at(const Cellc *c, int i)
{
    return i < c->used.n ? c->used.v[i].text.name : NULL;
}

/* "FILE:LINE:COL: exp(812.4) = inf" with the line; of an operation of the
 * library also the user's line that led there. */
static const char *origin_place(Cellc *c, const EvalOrigin *o)
{
    buf_init(&c->shown, c->run);
    diag_place(&c->shown, &c->sources, o->span, o->what);
    int i = of_library(c, o->span) ? o->path.n : 0;
    while (i > 0 && of_library(c, o->path.v[i - 1]))
        i--;
    if (i > 0)
        diag_place(&c->shown, &c->sources, o->path.v[i - 1], "for this");
    return c->shown.s;
}

int cellc_blame(Cellc *c, int fn, const void *params, void *grads, void *work,
                const int64_t *n, CellcOrigin *origin)
{
    EvalOrigin o;
    if (!c->desc || !c->desc->run || setjmp(c->escape.env) ||
        !eval_blame(c->desc, fn, params, grads, work, n, c->run, &o))
        return 0;
    *origin = (CellcOrigin){.name = o.name,
                            .place = origin_place(c, &o),
                            .axis = o.axis >= 0 ? c->desc->time[o.axis] : NULL,
                            .step = o.step,
                            .row = o.row,
                            .given = o.kind != ORIGIN_EQUATION};
    return 1;
}

const char *cellc_format(Cellc *c, const char *name, const char *text,
                         size_t size)
{
    Cellc *one = cellc_new(c->message, c->user);
    const char *out = NULL;
    if (!one)
        return NULL;
    one->alone = true;
    if (!cellc_add_text(one, name, text, size) && cellc_parse(one) == 0 &&
        !setjmp(c->escape.env)) {
        buf_init(&c->shown, c->keep);
        ast_print(&c->shown, one->file[0]);
        out = c->shown.s ? c->shown.s : "";
    }
    cellc_free(one);
    return out;
}

const char *cellc_emit(Cellc *c, int which, int flags)
{
    if (!c->plan && cellc_compile(c))
        return NULL;
    if (setjmp(c->escape.env)) {
        cellc_say(c, "error", "cellc: internal error: %s\n", c->escape.message);
        return NULL;
    }
    for (int i = 0; flags & CELLC_FREESTANDING && i < c->graph->call.n; i++) {
        const Called *f = &c->graph->call.v[i];
        if (!strcmp(f->header, "math.h"))
            continue;
        diag(c->diags, E_EXTERN_HEADER, (Span){0, 0}, f->name, f->header);
        diags_flush(c->diags);
        return NULL;
    }
    if (cellc_plan_stream(c))
        return NULL;
    EmitOptions o = cellc_emit_options(c, flags);
    const Plan *plan = flags & CELLC_APP ? c->plan : plain_plan(c);
    return which ? emit_header(plan, &o, c->run)
                 : emit_source(plan, &o, c->run);
}

const char *cellc_explain(const char *code)
{
    return diag_explain(code);
}

int cellc_example(const char *code, const char **wrong, const char **right)
{
    return diag_example(code, wrong, right);
}

const char *cellc_version(void)
{
    return CELLC_VERSION;
}
