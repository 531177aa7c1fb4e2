/* The public API: one handle owns one compilation.  compile() is the whole
 * pipeline as plain calls; guarded() is the only setjmp, where out-of-memory
 * and internal errors land. */
#include "cellcint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../runtime/pool.h"
#include "ops.h"
#include "probe.h"

static void forward_message(void *user, const char *severity, const char *text)
{
    Cellc *c = user;
    for (int i = 0; i < c->sent.n; i++) /* checked, then compiled: once */
        if (!strcmp(c->sent.v[i], text))
            return;
    vec_push(c->keep, &c->sent, arena_printf(c->keep, "%s", text));
    if (c->message)
        c->message(c->user, severity, text);
}

void cellc_say(Cellc *c, const char *severity, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = arena_vprintf(c->keep, fmt, ap);
    va_end(ap);
    if (c->message)
        c->message(c->user, severity, text);
}

/* Runs `fn` with a landing place for longjmp. */
int cellc_guarded(Cellc *c, int (*fn)(Cellc *))
{
    if (setjmp(c->escape.env)) {
        if (c->message)
            c->message(c->user, "error", c->escape.message);
        return CELLC_INTERNAL;
    }
    return fn(c);
}

static int start(Cellc *c)
{
    c->keep = arena_new(&c->escape);
    return CELLC_OK;
}

Cellc *cellc_new(CellcMessage *message, void *user)
{
    Cellc *c = calloc(1, sizeof *c);
    if (!c || cellc_guarded(c, start)) {
        free(c);
        return NULL;
    }
    c->message = message;
    c->user = user;
    c->set.backward = c->set.outputs = c->set.loss = c->states = true;
    c->set.teacher = -1;
    c->inputgrad = true;
    c->backend = "tcc";
    return c;
}

static void drop_compilation(Cellc *c)
{
    jit_free(c->jit);
    c->jit = NULL;
    c->desc = NULL;
    c->plan = c->stream = NULL;
    c->explained = NULL;
    c->graph = NULL;
    if (c->run)
        arena_free(c->run);
    c->run = NULL;
}

void cellc_free(Cellc *c)
{
    if (!c)
        return;
    drop_compilation(c);
    arena_free(c->keep);
    free(c);
}

int cellc_add_text(Cellc *c, const char *name, const char *text, size_t size)
{
    CellcText t;
    if (setjmp(c->escape.env))
        return CELLC_INTERNAL;
    t.name = arena_printf(c->keep, "%s", name);
    t.text = arena_strndup(c->keep, text, size);
    t.size = size;
    vec_push(c->keep, &c->text, t);
    return CELLC_OK;
}

static int add_stream(Cellc *c, const char *path, FILE *f)
{
    size_t n = 0, cap = 1 << 16;
    char *text = malloc(cap);
    while (text) {
        n += fread(text + n, 1, cap - n, f);
        if (n < cap)
            break;
        char *more = realloc(text, cap *= 2);
        if (!more)
            free(text);
        text = more;
    }
    if (!text || ferror(f)) {
        cellc_say(c, "error", "%s: error: cannot read it: %s\n", path,
                  strerror(text ? errno : ENOMEM));
        free(text);
        return CELLC_USER;
    }
    int code = cellc_add_text(c, path, text, n);
    free(text);
    return code;
}

int cellc_add_file(Cellc *c, const char *path)
{
    if (!strcmp(path, "-"))
        return add_stream(c, "<stdin>", stdin);
    FILE *f = fopen(path, "rb");
    if (!f) {
        cellc_say(c, "error", "%s: error: cannot open it: %s\n", path,
                  strerror(errno));
        return CELLC_USER;
    }
    int code = add_stream(c, path, f);
    fclose(f);
    return code;
}

/* A fresh arena, and the user's files parsed into it. */
static int parse_all(Cellc *c)
{
    drop_compilation(c);
    c->run = arena_new(&c->escape);
    memset(&c->sources, 0, sizeof c->sources);
    c->sources.arena = c->run;
    c->sources.next = 1;
    c->names = intern_new(c->run);
    c->diags = diags_new(c->run, &c->sources, forward_message, c);
    cellc_parse_files(c);
    diags_flush(c->diags);
    return diags_errors(c->diags) ? CELLC_USER : CELLC_OK;
}

/* Values given from outside, as expressions of the language. */
static void parse_settings(Cellc *c)
{
    c->set.noption = c->option.n;
    c->set.option =
        arena_alloc(c->run, sizeof *c->set.option * (size_t)(c->option.n + 1));
    for (int i = 0; i < c->option.n; i++) {
        const char *name =
            arena_printf(c->run, "--option %s", c->option.v[i].key);
        const char *text = c->option.v[i].value;
        c->set.option[i].name = intern_str(c->names, c->option.v[i].key);
        c->set.option[i].e = parse_expr(
            c->run, c->names, c->diags,
            source_add(&c->sources, name, text, strlen(text), false));
        if (!c->set.option[i].e)
            c->set.option[i].e = NEW(c->run, Ast);
    }
    c->set.ndim = c->dim.n;
    c->set.dim =
        arena_alloc(c->run, sizeof *c->set.dim * (size_t)(c->dim.n + 1));
    for (int i = 0; i < c->dim.n; i++) {
        c->set.dim[i].name = intern_str(c->names, c->dim.v[i].name);
        c->set.dim[i].size = c->dim.v[i].size;
    }
    c->set.vocab = c->vocab.v;
    c->set.nvocab = c->vocab.n;
    c->set.classes = c->classes.v;
    c->set.nclasses = c->classes.n;
    c->set.state = c->state.v;
    c->set.nstate = c->state.n;
    c->set.upstream = c->upstream.v;
    c->set.nupstream = c->upstream.n;
    c->set.name = c->name ? c->name : cellc_model_name(c);
}

/* The axis that other steps of a slot are along, as the text calls it. */
static const char *axis_name(const Graph *g, int slot)
{
    return g->time.n ? g->time.v[SLOT(g, slot)->axis].name : "t";
}

static void causal_message(Cellc *c, const Graph *g, const CausalError *x)
{
    Buf b;
    buf_init(&b, c->run);
    if (x->why == CAUSAL_AXES) {
        const Slot *s = SLOT(g, NODE(g, x->read)->a);
        diag(c->diags, E_AXIS_LOOPS, x->span,
             arena_strndup(c->run, s->name, strcspn(s->name, "[")),
             axis_name(g, NODE(g, x->read)->a));
        return;
    }
    const char *who = "a value";
    Span at = x->span;
    for (int i = 0; i < x->cycle.n; i++) {
        const CausalLink *k = &x->cycle.v[i];
        int read = x->cycle.v[(i + 1) % x->cycle.n].slot;
        const Slot *to = SLOT(g, read);
        if (!i) {
            who = SLOT(g, k->slot)->name;
            at = SLOT(g, k->slot)->span;
        }
        buf_printf(&b, "%s%s reads %s", i ? ", " : "", SLOT(g, k->slot)->name,
                   to->name);
        if (k->offset)
            buf_printf(&b, "[%s%+d]", axis_name(g, read), k->offset);
    }
    if (x->why == CAUSAL_MIXED)
        for (Ref r = 1; r < (Ref)g->node.n && x->cycle.n == 1; r++) {
            const Node *n = NODE(g, r);
            if (n->op == OP_READ && n->a == x->cycle.v[0].slot && n->b &&
                n->b != x->cycle.v[0].offset)
                buf_printf(&b, " and %s[%s%+d]", who, axis_name(g, n->a), n->b);
        }
    const Node *n = x->read ? NODE(g, x->read) : NULL;
    if (n && (n->op == OP_EVERY || n->op == OP_HOLD)) {
        diag(c->diags, E_CLOCK_LOOP, at, b.s ? b.s : who);
        diag_help(c->diags, CLOCK_LOOP_HELP);
        return;
    }
    diag(c->diags,
         x->why == CAUSAL_MIXED     ? E_MIXED
         : x->why == CAUSAL_INSTANT ? E_INSTANT
                                    : E_WHOLE,
         at, who, b.s ? b.s : who);
    if (n && n->op == OP_AT && n->b < 1 && n->num == 0)
        diag_help(c->diags,
                  "the step before is %s[%s-1]; %s[%d] is one before "
                  "the first",
                  SLOT(g, n->a)->name, axis_name(g, n->a), SLOT(g, n->a)->name,
                  n->b);
}

static void find_latencies(Cellc *c, const Graph *g, const Causal *causal)
{
    for (int i = 0; i < c->elab.decl.n; i++) {
        CellcDecl *d = &c->elab.decl.v[i];
        for (int k = 0; k < g->root.n && d->role == CELL_OUTPUT; k++) {
            if (g->root.v[k].role != CELL_OUTPUT ||
                strcmp(g->root.v[k].name, d->name))
                continue;
            Latency l = latency_of(g, causal, g->root.v[k].value, c->run);
            d->latency = l.steps >= LATENCY_WHOLE ? "whole sequence"
                         : l.steps ? arena_printf(c->run, "%d step%s", l.steps,
                                                  l.steps == 1 ? "" : "s")
                                   : "0";
            d->blame = l.steps >= LATENCY_WHOLE ? l.blame : NULL;
        }
    }
}

/* A library: each cell is tried on its own, as part of a small model. */
static void check_cells(Cellc *c)
{
    Settings set = c->set;
    set.probe = true;
    set.noption = set.ndim = set.nstate = 0;
    for (int f = 0; f < c->nfile; f++)
        for (Ast *a = c->file[f]->kid; a; a = a->next) {
            const char *text =
                a->kind == A_CELL ? probe_text(c->run, a, "probe_") : NULL;
            if (!text)
                continue;
            Ast **file = NEW_N(c->run, Ast *, c->nfile + 1);
            memcpy(file, c->file, sizeof *file * (size_t)c->nfile);
            file[c->nfile] = parse_file(
                c->run, c->names, c->diags,
                source_add(&c->sources, "probe", text, strlen(text), true));
            elaborate(c->run, c->names, c->diags, c->lib.file, c->lib.n, file,
                      c->nfile + 1, &set);
            diags_flush(c->diags);
        }
}

/* v[end] of both directions side by side: the backward half has seen one
 * step only, which is rarely meant. */
static void lint_ends(Cellc *c, const Graph *g, const Causal *causal)
{
    for (Ref r = 1; r < (Ref)g->node.n; r++) {
        const Node *n = NODE(g, r);
        Ref root = n->op == OP_AT && n->num != 0 ? SLOT(g, n->a)->root : 0;
        if (!root || NODE(g, root)->op != OP_CONCAT)
            continue;
        for (int i = 0; i < NODE(g, root)->nin; i++) {
            int comp = causal->comp[IN(g, root, i)];
            if (comp < 0 || causal->v.v[comp].dir > 0)
                continue;
            diag(c->diags, W_END, n->span, SLOT(g, n->a)->name);
            diag_help(c->diags,
                      "final(%s) takes each half at its own last "
                      "step",
                      SLOT(g, n->a)->name);
            break;
        }
    }
}

static int check(Cellc *c)
{
    int code = parse_all(c);
    if (code)
        return code;
    parse_settings(c);
    c->lib = library_parse(c->run, c->names, c->diags, &c->sources, false);
    c->elab = elaborate(c->run, c->names, c->diags, c->lib.file, c->lib.n,
                        c->file, c->nfile, &c->set);
    diags_flush(c->diags);
    if (diags_errors(c->diags))
        return CELLC_USER;
    if (!c->elab.graph) {
        check_cells(c);
        return diags_errors(c->diags) ? CELLC_USER : CELLC_OK;
    }
    c->graph = pass_final(c->elab.graph);
    Causal causal = causal_find(c->graph, c->run);
    if (causal.error.why != CAUSAL_OK)
        causal_message(c, c->graph, &causal.error);
    else {
        find_latencies(c, c->graph, &causal);
        lint_ends(c, c->graph, &causal);
    }
    diags_flush(c->diags);
    return diags_errors(c->diags) ? CELLC_USER : CELLC_OK;
}

int cellc_parse(Cellc *c)
{
    return cellc_guarded(c, parse_all);
}

int cellc_check(Cellc *c)
{
    return cellc_guarded(c, check);
}

static Graph *verified(Cellc *c, const char *pass, Graph *g)
{
    const char *wrong = graph_verify(g, c->run);
    if (wrong)
        arena_panic(c->run, "after %s: %s", pass, wrong);
    if (c->after && !strcmp(c->after, pass))
        graph_print(&c->shown, g);
    return g;
}

/* A derivative that is needed and that only the user can say. */
static bool refuse_unsaid(Cellc *c, const Graph *g)
{
    Ref r = graph_unsaid(g);
    if (!r)
        return false;
    const Node *n = NODE(g, r);
    diag(c->diags, E_EXTERN_SLOPE, n->span, g->call.v[n->a].name, n->b);
    diag_help(c->diags, "say it in a line below its `extern fn`, such as "
                        "`  d/dx = exp(-x)`");
    diags_flush(c->diags);
    return true;
}

/* What a segment of a sequence cannot know. */
static bool refuse_segments(Cellc *c, const Graph *g)
{
    Ref r = c->segments ? segment_refuses(g, c->run) : 0;
    if (!r)
        return false;
    const Node *n = NODE(g, r);
    diag(c->diags, E_SEGMENT, n->span,
         n->axes == GX_NONE ? "a penalty on parameters"
         : n->op == OP_READ ? "a step further on"
         : n->op == OP_AT   ? "one step of the whole sequence"
         : OP_IS_EW(n->op)  ? "something that the whole sequence decides"
                            : "something over the whole sequence");
    if (n->axes == GX_NONE)
        diag_help(c->diags, "a penalty on parameters is better said as "
                            "`with decay = 0.001`");
    else if (n->op == OP_AT)
        diag_help(c->diags, "%s[%d] is step %d; an element is %s[t, %d]",
                  SLOT(g, n->a)->name, n->b, n->b, SLOT(g, n->a)->name, n->b);
    else
        diag_help(c->diags, "without --memory whole sequences are run; "
                            "--tbptt cuts them and the gradient too");
    diags_flush(c->diags);
    return true;
}

/* One pass: call it, show its result if asked, verify. */
#define PASS(name, call) (g = verified(c, name, (call)))

static Graph *differentiated(const Cellc *c, const Graph *g)
{
    Graph *to = pass_grad(g, c->inputgrad);
    return c->set.loss ? to : pass_unvalued(to);
}

/* Whether both have every parameter of the first at the same place. */
static bool same_params(const Plan *a, const Plan *b)
{
    bool same = true;
    for (int i = 0; i < a->tensor.n && same; i++) {
        const CellTensor *t = &a->tensor.v[i];
        int k = 0;
        while (k < b->tensor.n && (b->tensor.v[k].role != CELL_PARAM ||
                                   strcmp(b->tensor.v[k].name, t->name)))
            k++;
        same = t->role != CELL_PARAM ||
               (k < b->tensor.n && b->tensor.v[k].at.c == t->at.c);
    }
    return same;
}

/* The model as a stream runs it: no loss, no gradients, no ends of sequences;
 * with the parameters of what draws from it. */
static Graph *stream_graph(Cellc *c)
{
    Settings set = c->set;
    set.backward = set.loss = false;
    Graph *g = elaborate(c->run, c->names, c->diags, c->lib.file, c->lib.n,
                         c->file, c->nfile, &set)
                   .graph;
    int kept = 0;
    for (int i = 0; i < g->root.n; i++)
        if (g->root.v[i].role == CELL_OUTPUT || g->root.v[i].role == CELL_DRAW)
            g->root.v[kept++] = g->root.v[i];
    g->root.n = kept;
    PASS("final", pass_final(g));
    PASS("simplify", pass_simplify(g));
    PASS("gemm", pass_gemm(g));
    PASS("plain", pass_plain(g));
    return g;
}

static Plan *plan_of(Cellc *c, const Graph *g)
{
    Sched *s = sched_build(g, (Chunks){.off = true}, c->run);
    sched_prepare(s);
    return plan_build(s, c->run);
}

/* Where the loss has parameters laid out differently, a stream runs the model
 * with the loss. */
static int plan_stream(Cellc *c)
{
    c->stream = plan_of(c, stream_graph(c));
    if (!same_params(c->stream, c->plan))
        c->stream = plan_of(c, c->graph);
    return CELLC_OK;
}

int cellc_plan_stream(Cellc *c)
{
    const char *after = c->after;
    c->after = NULL;
    int code = c->stream ? CELLC_OK : cellc_guarded(c, plan_stream);
    c->after = after;
    return code;
}

static bool is_output(const Graph *g, const char *name)
{
    for (int i = 0; i < g->root.n; i++)
        if (g->root.v[i].role == CELL_OUTPUT &&
            !strcmp(g->root.v[i].name, name))
            return true;
    return false;
}

static int no_probe(Cellc *c, const Graph *g, const char *name)
{
    const char **cand = NEW_N(c->run, const char *, g->slot.n + 1);
    int n = 0;
    for (int i = 0; i < g->slot.n; i++)
        if (SLOT(g, i)->kind == SLOT_EQN && SLOT(g, i)->root)
            cand[n++] = SLOT(g, i)->name;
    const char *near = diag_closest(name, cand, n);
    cellc_say(c, "error", "cellc: error: the model computes no %s%s%s%s\n",
              name, near ? "; did you mean " : "", near ? near : "",
              near ? "?" : "");
    return CELLC_USER;
}

/* The elaborated graph, with the equations that are asked for as outputs. */
static int probe(Cellc *c)
{
    Graph *g = c->elab.graph;
    for (int i = 0; i < c->probe.n; i++) {
        const char *name = c->probe.v[i];
        int k = flow_slot(g, name);
        if (is_output(g, name))
            continue;
        if (k < 0)
            return no_probe(c, g, name);
        Root r = {CELL_OUTPUT, name, SLOT(g, k)->root, -1, NULL, 0, -1, NULL};
        vec_push(g->arena, &g->root, r);
    }
    return CELLC_OK;
}

/* The elaborated graph, with what shows the flow of gradients. */
static int watch_flow(Cellc *c)
{
    for (int i = 0; i < c->flow.n; i++) {
        const char *name = c->flow.v[i];
        int slot = flow_slot(c->elab.graph, name);
        if (slot < 0) {
            cellc_say(c, "error", "cellc: error: no equation %s to watch\n",
                      name);
            return CELLC_USAGE;
        }
        c->elab.graph = pass_direct(c->elab.graph, slot, name);
        c->elab.graph = pass_perturb(c->elab.graph, slot, name);
    }
    return CELLC_OK;
}

/* What of the model is asked for. */
static Graph *parted(const Cellc *c, Graph *g)
{
    Graph *part = c->part ? pass_part(g, !strcmp(c->part, "known")) : NULL;
    return part ? part : g;
}

/* Lanes where a team has one session for all sequences, and kernels have no
 * clocks. */
static Chunks chunks_of(const Cellc *c)
{
    Chunks chunks = c->chunks;
    chunks.brief = !strcmp(c->backend, "cc");
    if (c->timed || c->steady || !strcmp(c->backend, "eval") ||
        c->sequences >= POOL_FEW * chunks.threads)
        chunks.threads = 1;
    if (c->sequences >= chunks.threads)
        chunks.least = POOL_LARGE / (c->real64 ? 8 : 4) + 1;
    return chunks;
}

static int compile(Cellc *c)
{
    int code = check(c);
    if (code)
        return code;
    if (!c->elab.graph) {
        cellc_say(c, "error",
                  "%s: error: there is no model in it, only definitions\n",
                  c->text.n ? c->text.v[0].name : "cellc");
        return CELLC_USER;
    }
    for (int i = 0; i < c->elab.open.n; i++)
        diag(c->diags, E_OPEN_DIM, (Span){0, 0}, c->elab.open.v[i]);
    diags_flush(c->diags);
    if (c->elab.open.n)
        return CELLC_USER;
    if ((code = probe(c)) != CELLC_OK || (code = watch_flow(c)) != CELLC_OK)
        return code;
    Graph *g = c->elab.graph;
    PASS("elaborate", g);
    c->elab.graph = PASS("part", parted(c, g));
    PASS("final", pass_final(g));
    PASS("simplify", pass_simplify(g));
    if (!c->chunks.off) /* where a step is all there is, nothing is gained */
        PASS("split", pass_split(g));
    PASS("gemm", pass_gemm(g));
    if (refuse_segments(c, g))
        return CELLC_USER;
    if (c->set.backward)
        PASS("grad", differentiated(c, g));
    if (c->segments)
        PASS("segment", pass_segment(g));
    PASS("plain", pass_plain(g));
    if (refuse_unsaid(c, g))
        return CELLC_USER;
    c->graph = g;
    c->chunks.restate =
        !c->states && !c->part && strcmp(c->backend, "eval") != 0;
    c->sched = sched_build(g, chunks_of(c), c->run);
    if (c->steady && !c->set.backward)
        sched_keep_prepared(c->sched);
    c->plan = plan_build(c->sched, c->run);
    return CELLC_OK;
}

int cellc_compile(Cellc *c)
{
    return cellc_guarded(c, compile);
}

/* The model as it was written, for the interpreter: no product is merged, no
 * term is dropped, so that a wrong step of those passes shows. */
static Graph *naive(Cellc *c)
{
    Graph *g = c->elab.graph;
    PASS("final", pass_final(g));
    PASS("stable", pass_stable(g));
    if (c->set.backward)
        PASS("grad", differentiated(c, g));
    return g;
}

static int run_jit(Cellc *c)
{
    EmitOptions o = cellc_emit_options(c, 0);
    CellDesc *d = emit_desc(c->plan, &o, c->run);
    if (!strcmp(c->backend, "eval")) {
        eval_attach(d, naive(c), c->plan, c->run);
        c->desc = d;
        return CELLC_OK;
    }
    bool cc = !strcmp(c->backend, "cc");
    const char *text = (cc ? emit_linked : emit_strips)(c->plan, &o, c->run);
    Buf err;
    buf_init(&err, c->run);
    JitStatus st = (cc         ? jit_cc
                    : c->timed ? jit_tcc_timed
                               : jit_tcc)(text, &c->jit, &err);
    if (st != JIT_OK) {
        cellc_say(c, "error", "cellc: error: %s\n", err.s ? err.s : "");
        return st == JIT_MISSING ? CELLC_USER : CELLC_INTERNAL;
    }
    d->forward = (CellFn *)jit_symbol(
        c->jit, arena_printf(c->run, "%s_forward_n", o.name));
    if (c->sched->fn[FN_BACKWARD].stage.n)
        d->backward = (CellFn *)jit_symbol(
            c->jit, arena_printf(c->run, "%s_backward_n", o.name));
    c->desc = d;
    return CELLC_OK;
}

const CellDesc *cellc_jit(Cellc *c)
{
    if (!c->plan) {
        int code = cellc_compile(c);
        if (code)
            return NULL;
    }
    if (!c->desc && cellc_guarded(c, run_jit))
        return NULL;
    return c->desc;
}
