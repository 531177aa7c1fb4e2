/* Runs passes on a graph given as text: irtool PASS... < graph.ir
 * Passes: verify, again (text and back), simplify plain stable gemm final
 * grad inputgrad known step (graph to graph); print causal sched plan (print
 * their result).  Without any of the printing ones the graph is printed at the
 * end. Every graph is verified.  Exit code 1 and a line on standard output when
 * the text or the graph is wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../compiler/causal.h"
#include "../../compiler/plan.h"

static char *read_all(Arena *a, FILE *f)
{
    Buf b;
    buf_init(&b, a);
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;)
        buf_add(&b, part, n);
    buf_puts(&b, "");
    return b.s;
}

static void print_causal(Buf *out, const Graph *g, Arena *a)
{
    static const char *const why[] = {"ok", "instantaneous", "mixed", "whole",
                                      "axes"};
    Causal c = causal_find(g, a);
    for (int i = 0; i < c.v.n; i++) {
        buf_printf(out, "loop %d %s:", i,
                   c.v.v[i].dir > 0 ? "forward" : "backward");
        for (int k = 0; k < c.v.v[i].slot.n; k++)
            buf_printf(out, " %s", SLOT(g, c.v.v[i].slot.v[k])->name);
        int nodes = 0;
        for (int r = 1; r < g->node.n; r++)
            nodes += c.comp[r] == i;
        buf_printf(out, " (%d nodes)\n", nodes);
    }
    if (c.error.why == CAUSAL_OK)
        return;
    buf_printf(out, "error %s:", why[c.error.why]);
    for (int k = 0; k < c.error.cycle.n; k++) {
        const CausalLink *l = &c.error.cycle.v[k];
        buf_printf(out, " %s -(%+d)->", SLOT(g, l->slot)->name, l->offset);
    }
    buf_printf(out, " %s\n", SLOT(g, c.error.cycle.v[0].slot)->name);
}

static Graph *read_again(const Graph *g, Arena *a)
{
    Buf text, err;
    buf_init(&text, a);
    buf_init(&err, a);
    graph_print(&text, g);
    Graph *again = graph_read_text(a, text.s, &err);
    if (!again)
        arena_panic(a, "does not read what it printed: %s", err.s);
    return again;
}

static Graph *run_pass(Graph *g, const char *pass, Buf *out, Arena *a,
                       bool *shown)
{
    const Chunks few = {.steps = 3, .threads = 2};
    if (!strcmp(pass, "verify"))
        return g;
    if (!strcmp(pass, "again"))
        return read_again(g, a);
    if (!strcmp(pass, "simplify"))
        return pass_simplify(g);
    if (!strcmp(pass, "plain"))
        return pass_plain(g);
    if (!strcmp(pass, "stable"))
        return pass_stable(g);
    if (!strcmp(pass, "split"))
        return pass_split(g);
    if (!strcmp(pass, "gemm"))
        return pass_gemm(g);
    if (!strcmp(pass, "final"))
        return pass_final(g);
    if (!strcmp(pass, "grad") || !strcmp(pass, "inputgrad"))
        return pass_grad(g, pass[0] == 'i');
    if (!strcmp(pass, "unvalued"))
        return pass_unvalued(g);
    if (!strcmp(pass, "segment"))
        return pass_segment(g);
    if (!strcmp(pass, "known") || !strcmp(pass, "step")) {
        Graph *part = pass_part(g, pass[0] == 'k');
        buf_puts(out, part ? "" : "cannot be parted\n");
        *shown |= !part;
        return part ? part : g;
    }
    *shown = true;
    if (!strcmp(pass, "print"))
        graph_print(out, g);
    else if (!strcmp(pass, "causal"))
        print_causal(out, g, a);
    else if (!strcmp(pass, "sched"))
        sched_print(out, sched_build(g, (Chunks){.off = true}, a));
    else if (!strcmp(pass, "plan"))
        plan_print(out,
                   plan_build(sched_build(g, (Chunks){.off = true}, a), a));
    else if (!strcmp(pass, "chunks"))
        sched_print(out, sched_build(g, (Chunks){0}, a));
    else if (!strcmp(pass, "chunkplan"))
        plan_print(out, plan_build(sched_build(g, (Chunks){.steps = 3}, a), a));
    else if (!strcmp(pass, "lanes"))
        sched_print(out, sched_build(g, few, a));
    else if (!strcmp(pass, "laneplan"))
        plan_print(out, plan_build(sched_build(g, few, a), a));
    else if (!strcmp(pass, "restate"))
        sched_print(out, sched_build(g, (Chunks){.restate = true}, a));
    else if (!strcmp(pass, "restateplan"))
        plan_print(out,
                   plan_build(sched_build(g, (Chunks){.restate = true}, a), a));
    else
        buf_printf(out, "unknown pass %s\n", pass);
    return g;
}

int main(int argc, char **argv)
{
    Arena *a = arena_new(NULL);
    Buf out, err;
    buf_init(&out, a);
    buf_init(&err, a);
    Graph *g = graph_read_text(a, read_all(a, stdin), &err);
    bool shown = false;
    const char *wrong = g ? graph_verify(g, a) : err.s;
    for (int i = 1; i < argc && !wrong; i++) {
        g = run_pass(g, argv[i], &out, a, &shown);
        wrong = graph_verify(g, a);
    }
    if (wrong)
        buf_printf(&out, "wrong: %s%s", wrong,
                   wrong[strlen(wrong) - 1] == '\n' ? "" : "\n");
    else if (!shown)
        graph_print(&out, g);
    fwrite(out.s ? out.s : "", 1, out.n, stdout);
    arena_free(a);
    return wrong ? 1 : 0;
}
