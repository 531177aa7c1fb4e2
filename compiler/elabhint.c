/* What a user may have meant by a name that nothing defines: a word of another
 * language, a name of the model inside a cell, a distribution, h_t, or a
 * slip of the pen.  Called by elabexpr.c where it reports the name. */
#include <string.h>

#include "elab.h"
#include "ops.h"
#include "prelude.h"

/* What others call it. */
static const struct {
    const char *word, *help;
} foreign[] = {
    {"cat", "vectors are joined by brackets: [x, z]"},
    {"concat", "vectors are joined by brackets: [x, z]"},
    {"concatenate", "vectors are joined by brackets: [x, z]"},
    {"hstack", "vectors are joined by brackets: [x, z]"},
    {"vstack", "rows are joined by brackets: [A, B]"},
    {"dot", "a product is written W @ x"},
    {"matmul", "a product is written W @ x"},
    {"mm", "a product is written A @ B"},
    {"einsum", "a product is written A @ B, elementwise a * b"},
    {"multiply", "elements are multiplied by *: a * b"},
    {"transpose", "the transposed matrix is W'"},
    {"inv", "the inverse times b is solve(A, b)"},
    {"where", "a choice is written condition ? a : b"},
    {"ifelse", "a choice is written condition ? a : b"},
    {"power", "a power is written a ^ b"},
    {"Linear", "a layer of weights and bias is dense(k)"},
    {"linear", "a layer of weights and bias is dense(k)"},
    {"LSTM", "the library's names are small: lstm(n)"},
    {"GRU", "the library's names are small: gru(n)"},
    {"RNN", "the library's names are small: rnn(n)"},
    {"Bidirectional", "both directions are bi(lstm(n))"},
    {"Embedding", "the library's names are small: embedding(d)"},
    {"log_softmax", "log(softmax(z)) becomes the stable form by itself"},
    {"one_hot", "an index as a vector is onehot(c)"},
    {"cross_entropy", "y ~ categorical(softmax(z)) is that loss"},
    {"mse_loss", "loss sum((y - o)^2), or y ~ normal(o, 1)"},
    {"pi", "π is the number"},
    {"True", "a truth value is 1"},
    {"False", "a truth value is 0"},
    {"None", "every name has a value; without a start it is 0"},
    {"np", "functions have no prefix: tanh(x)"},
    {"numpy", "functions have no prefix: tanh(x)"},
    {"torch", "functions have no prefix: tanh(x)"},
    {"tf", "functions have no prefix: tanh(x)"},
    {"jnp", "functions have no prefix: tanh(x)"},
    {"math", "functions have no prefix: tanh(x)"},
    {"F", "functions have no prefix: tanh(x)"},
    {"nn", "functions have no prefix: tanh(x)"},
};

static const char *foreign_help(const char *word)
{
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (!strcmp(foreign[i].word, word))
            return foreign[i].help;
    return NULL;
}

static const Name *known(Elab *e, Scope *s, const char *text)
{
    return scope_lookup(e, s, intern_str(e->intern, text));
}

/* Says it as the help of the message being built; false: nothing to say. */
static bool say_meant(Elab *e, Scope *s, const char *name)
{
    size_t n = strlen(name);
    const char *help = foreign_help(name);
    if (s->app && scope_find(e->top, name))
        diag_help(e->diags,
                  "a cell sees only its own names: declare %s in it, or make "
                  "it an input",
                  name);
    else if (known(e, s, arena_printf(e->arena, "%s_nll", name)))
        diag_help(e->diags,
                  "what is drawn from a distribution follows ~, as "
                  "in y ~ %s(...)",
                  name);
    else if (n > 2 && !strcmp(name + n - 2, "_t") &&
             known(e, s, arena_strndup(e->arena, name, n - 2)))
        diag_help(e->diags,
                  "%.*s at this step is %.*s, at the one before "
                  "%.*s[t-1]",
                  (int)n - 2, name, (int)n - 2, name, (int)n - 2, name);
    else if (help)
        diag_help(e->diags, "%s", help);
    else
        return false;
    return true;
}

/* Names that may be read in scope s. */
static void gather_names(Elab *e, Scope *s, const char **out, int *n)
{
    for (Scope *up = s; up; up = up->up)
        for (int i = 0; i < up->order.n; i++)
            if (scope_lookup(e, s, up->order.v[i]->name))
                out[(*n)++] = up->order.v[i]->name;
}

void hint_name(Elab *e, Scope *s, const char *name)
{
    if (say_meant(e, s, name))
        return;
    int n = 0, room = OP_COUNT + prelude_names;
    for (Scope *u = s; u; u = u->up)
        room += u->order.n;
    const char **cand = NEW_N(e->arena, const char *, room + 1);
    gather_names(e, s, cand, &n);
    for (int k = 0; k < prelude_names; k++)
        cand[n++] = prelude_name[k].name;
    for (int k = 0; k < OP_COUNT; k++)
        if (is_builtin(op_row[k].name))
            cand[n++] = op_row[k].name;
    const char *near = diag_closest(name, cand, n);
    if (near)
        diag_help(e->diags, "did you mean %s?", near);
}

/* Distributions: what has a density in the library or the user's files. */
void hint_distribution(Elab *e, Scope *s, const char *name)
{
    Buf all;
    int n = 0, room = 0;
    buf_init(&all, e->arena);
    for (Scope *u = s; u; u = u->up)
        room += u->order.n;
    const char **cand = NEW_N(e->arena, const char *, room + 1);
    for (Scope *u = s; u; u = u->up)
        for (int i = 0; i < u->order.n; i++) {
            const char *fn = u->order.v[i]->name;
            size_t len = strlen(fn);
            if (len <= 4 || strcmp(fn + len - 4, "_nll") != 0)
                continue;
            cand[n++] = arena_strndup(e->arena, fn, len - 4);
            buf_printf(&all, "%s%s", n > 1 ? ", " : "", cand[n - 1]);
        }
    const char *near = name ? diag_closest(name, cand, n) : NULL;
    if (near)
        diag_help(e->diags, "did you mean %s?", near);
    else if (n)
        diag_help(e->diags, "there are %s", all.s);
}

/* y = normal(m, s) of an input y. */
void hint_drawn(Elab *e, Scope *s, const char *name, const char *callee)
{
    if (known(e, s, arena_printf(e->arena, "%s_nll", callee)))
        diag_help(e->diags, "what %s is drawn from follows ~: %s ~ %s(...)",
                  name, name, callee);
}
