/* Small expressions in text form, as in ops.def's derivatives and rules.def:
 * read once, then matched against or built into a graph.  Single lower-case
 * letters are variables; operators are called by name or written as signs. */
#ifndef CELLC_TEMPLATE_H
#define CELLC_TEMPLATE_H

#include "graph.h"

#define TPL_VARS 26

typedef struct Tpl Tpl;
struct Tpl {
    int var;    /* 0..25, or -1 */
    Op op;      /* OP_CONST: the number num */
    double num;
    int nkid;
    Tpl *kid[3];
};

/* Never fails on text of ours: a mistake in it panics with the text. */
Tpl *tpl_parse(Arena *a, const char *text);
/* Fills `var` (zeroed by the caller) when node r has the form of t. */
bool tpl_match(const Graph *g, const Tpl *t, Ref r, Ref *var);

/* How nodes are made while building: graph_add, or a simplifying version. */
typedef Ref TplAdd(void *ctx, Graph *g, Op op, int nin, const Ref *in,
                   double num, Span span);
Ref tpl_build(Graph *g, const Tpl *t, const Ref *var, Span span, TplAdd *add,
              void *ctx);

#endif
