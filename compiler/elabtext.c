/* Mistakes that the text of a file shows by itself, in cells that nobody
 * applies too: what is said twice, and what would mean nothing where it
 * stands.  Called by elaborate() once per file of the user's. */
#include <string.h>

#include "elab.h"

static void twice(Elab *e, Span at, const char *what, Span first)
{
    diag(e->diags, E_DEFINED_TWICE, at, what);
    diag_note(e->diags, first, "first here");
}

static bool same_subs(const Ast *a, const Ast *b)
{
    const Ast *x = ast_find(a, A_SUBS), *y = ast_find(b, A_SUBS);
    return x && y ? ast_equal(x, y) : !x && !y;
}

/* Children of one kind that have the same name. */
static void same_names(Elab *e, const Ast *parent, AstKind kind)
{
    for (const Ast *k = parent->kid; k; k = k->next)
        for (const Ast *i = parent->kid; i != k && k->kind == kind; i = i->next)
            if (i->kind == kind && i->name && i->name == k->name &&
                same_subs(i, k)) {
                twice(e, k->name_span, k->name, i->name_span);
                break;
            }
}

/* The same over all statements of one kind: outputs, metrics. */
static void same_in_body(Elab *e, const Ast *first, AstKind kind)
{
    for (const Ast *a = first; a; a = a->next)
        for (const Ast *k = a->kind == kind ? a->kid : NULL; k; k = k->next)
            for (const Ast *b = first; b != a->next; b = b->next)
                for (const Ast *i = b->kind == kind ? b->kid : NULL;
                     i && i != k; i = i->next)
                    if (k->name && i->name == k->name)
                        twice(e, k->name_span, k->name, i->name_span);
}

/* Left of = or ~ the same name, or the same start of one. */
static void same_lines(Elab *e, const Ast *first, const Ast *a)
{
    for (const Ast *b = first; b != a; b = b->next)
        if (b->kind == a->kind && b->kid && ast_equal(b->kid, a->kid) &&
            (a->kind == A_DRAW || a->kid->kid->kind == A_INDEX)) {
            Buf text;
            buf_init(&text, e->arena);
            ast_print_expr(&text, a->kid->kid);
            twice(e, a->kid->span, text.s, b->kid->span);
        }
}

static bool names_axis(Elab *e, const Ast *a)
{
    if (a->kind == A_NAME && !strcmp(a->name, "t"))
        return true;
    for (int i = 0; a->kind == A_NAME && i < e->axis.n; i++)
        if (!strcmp(e->axis.v[i].name, a->name))
            return true;
    for (const Ast *k = a->kid; k; k = k->next)
        if (names_axis(e, k))
            return true;
    return false;
}

/* h[3] = e and h[t-1] = e define nothing: a start is h[0] or h[end+1]. */
static void no_start(Elab *e, const Ast *lhs)
{
    for (const Ast *v = lhs->kid; v; v = v->next) {
        const Ast *sub = v->kind == A_INDEX ? v->kid->next->kid : NULL;
        if (!sub ||
            (!names_axis(e, sub) && !(sub->kind == A_NUM && sub->num >= 1) &&
             !(sub->kind == A_NAME && !strcmp(sub->name, "end"))))
            continue;
        diag(e->diags, E_NO_START, v->span);
        if (names_axis(e, sub) && v->kid->kind == A_NAME)
            diag_help(e->diags,
                      "an equation says what %s is at every step: "
                      "%s = ...",
                      v->kid->name, v->kid->name);
    }
}

/* Behind a fn stand the derivatives of its arguments. */
static void derivatives(Elab *e, const Ast *fn)
{
    for (const Ast *d = fn->next; d && d->kind == A_DERIV; d = d->next) {
        bool known = false;
        for (const Ast *p = fn->kid; p; p = p->next)
            known |= p->kind == A_ARG && d->str[0] == 'd' &&
                     !strcmp(d->str + 1, p->name);
        if (!known)
            diag(e->diags, E_ARGUMENT_NAME, d->span, fn->name, d->str + 1);
    }
}

/* In a model the axes of an input stand in front, each once. */
static void axes_in_front(Elab *e, const Ast *input)
{
    for (const Ast *d = input->kid; d; d = d->next) {
        const Ast *subs = ast_find(d, A_SUBS), *in = ast_find(d, A_IN);
        bool dims = false;
        for (const Ast *k = subs ? subs->kid : NULL; k; k = k->next) {
            bool axis = k->kind == A_NAME && names_axis(e, k), again = false;
            for (const Ast *i = subs->kid; i != k; i = i->next)
                again |= axis && i->kind == A_NAME && i->name == k->name;
            if (again || (axis && dims))
                diag(e->diags, E_AXIS_PLACE, k->span, k->name);
            dims |= !axis;
        }
        if (in && in->kid->next)
            diag(e->diags, E_INPUT_INTERVAL, in->span);
    }
}

/* `...` ends the inputs of a cell and declares nothing else. */
static void rest_last(Elab *e, const Ast *a, bool model)
{
    if (a->kind != A_INPUT && a->kind != A_PARAM && a->kind != A_NOISE &&
        a->kind != A_STATE)
        return;
    for (const Ast *d = a->kid; d && d->kind == A_DECL; d = d->next)
        if (!strcmp(d->name, "...") &&
            (model || a->kind != A_INPUT || d->next || d->kid))
            diag(e->diags, E_REST, d->span);
}

/* What a call is given twice by name. */
static void calls(Elab *e, const Ast *a)
{
    if (a->kind == A_CALL)
        same_names(e, a, A_KEY);
    for (const Ast *k = a->kid; k; k = k->next)
        calls(e, k);
}

static void statements(Elab *e, const Ast *first, bool model)
{
    same_in_body(e, first, A_OUTPUT);
    for (const Ast *a = first; a; a = a->next) {
        calls(e, a);
        if (a->kind == A_EQ || a->kind == A_DRAW)
            same_lines(e, first, a);
        if (a->kind == A_EQ)
            no_start(e, a->kid);
        if (a->kind == A_FN || a->kind == A_EXTERN || a->kind == A_CELL)
            same_names(e, a, A_ARG);
        if (a->kind == A_FN || a->kind == A_EXTERN)
            derivatives(e, a);
        if (a->kind == A_TRAIN || a->kind == A_DATA)
            same_names(e, a, A_SET);
        if (a->kind == A_PARAM && ast_find(a, A_WITH))
            same_names(e, ast_find(a, A_WITH), A_SET);
        if (a->kind == A_INPUT && model)
            axes_in_front(e, a);
        if (!model || a->kind != A_CELL)
            rest_last(e, a, model);
        if (a->kind == A_CELL)
            statements(e, ast_find(a, A_BODY)->kid, false);
    }
}

void text_check(Elab *e, const Ast *file)
{
    statements(e, file->kid, true);
}
