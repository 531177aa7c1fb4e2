/* What a body defines: declarations first, so that equations may stand in any
 * order, then equations with their starts, then what only documents them.
 * Called by elab.c for files and by elabcall.c for each application. */
#include <string.h>

#include "elab.h"

static void collect_dims(Elab *e, Scope *s, Ast *subs, bool skip_axis)
{
    for (Ast *k = subs ? subs->kid : NULL; k; k = k->next) {
        if (k->kind != A_NAME || scope_lookup(e, s, k->name))
            continue;
        if (!strcmp(k->name, "...") || own_axis(s, k->name))
            continue;
        if (skip_axis) {
            bool axis = false;
            for (int i = 0; i < e->axis.n; i++)
                axis |= !strcmp(e->axis.v[i].name, k->name);
            if (axis)
                continue;
        }
        Name *n = scope_add(e, s, N_DIM, k->name, k->span);
        Sym *sym = NEW(e->arena, Sym);
        sym->name = k->name;
        sym->span = k->span;
        sym->value = -1;
        sym->local = s != e->top;
        sym->stand_in = 1009 + 2 * e->open.n;
        for (int i = 0; s == e->top && i < e->set->ndim; i++)
            if (!strcmp(e->set->dim[i].name, k->name))
                sym->value = e->set->dim[i].size;
        vec_push(e->arena, &e->open, sym);
        n->val = val_size(e, dim_sym(e->arena, sym));
        n->typed = true;
    }
}

/* `W{i,f}[n,m]`: one name per brace, else the one. */
static void collect_decl(Elab *e, Scope *s, Ast *stmt, Ast *d, NameKind kind)
{
    Ast *braces = ast_find(d, A_BRACES), *subs = ast_find(d, A_SUBS);
    bool model = s == e->top;
    if (kind == N_INPUT && !strcmp(d->name, "...") && !model) {
        s->open = true;
        return;
    }
    collect_dims(e, s, subs, model && kind != N_PARAM);
    Ast *in = ast_find(d, A_IN);
    if (in && kind == N_INPUT && !in->kid->next && in->kid->kind == A_NAME &&
        !declared_complex(d) && !scope_lookup(e, s, in->kid->name)) {
        Ast one = *in;
        collect_dims(e, s, &one, false);
    }
    Ast *b = braces ? braces->kid : d;
    for (; b; b = braces ? b->next : NULL) {
        const char *name = d->name;
        if (braces)
            name = intern_str(e->intern,
                              arena_printf(e->arena, "%s%s", d->name, b->name));
        Name *n = scope_add(e, s, kind, name, braces ? b->span : d->name_span);
        n->decl = d;
        n->stmt = stmt;
    }
}

static void edge_of_nothing(Elab *e, const Ast *v)
{
    diag(e->diags, E_EDGE_OF_NOTHING, v->span, v->kid->name);
    diag_help(e->diags,
              "the state of a cell gets its start behind the inputs: "
              "lstm(64)(x, %s[0] = ...)",
              v->kid->name);
}

static void collect_equation(Elab *e, Scope *s, Ast *stmt)
{
    Ast *lhs = stmt->kid, *rhs = lhs->next;
    int part = 0;
    for (Ast *v = lhs->kid; v; v = v->next, part++) {
        Edge edge = {0};
        Ast *name = v->kind == A_INDEX ? v->kid : v;
        if (v->kind == A_INDEX && v->kid->kind == A_NAME &&
            edge_of(e, s, v->kid->next, &edge)) {
            edge.e = rhs;
            edge.scope = s;
            edge.span = v->span;
            Name *n = scope_find(s, name->name);
            if (n && (n->kind == N_EQN || n->kind == N_INPUT))
                vec_push(e->arena, &n->edge, edge);
            else if (e->building || s == e->top)
                edge_of_nothing(e, v);
            continue;
        }
        if (v->kind == A_INDEX && /* wrong, see elabtext.c; yet a name */
            (name->kind != A_NAME || scope_find(s, name->name)))
            continue;
        Name *n = scope_add(e, s, N_EQN, name->name, name->span);
        if (n->kind == N_INPUT && rhs->kind == A_CALL &&
            rhs->kid->kind == A_NAME)
            hint_drawn(e, s, name->name, rhs->kid->name);
        if (n->kind != N_EQN || n->rhs)
            continue;
        n->stmt = stmt;
        n->rhs = rhs;
        n->part = lhs->kid->next ? part : -1;
    }
}

static void collect_sets(Elab *e, Scope *s, Ast *stmt, NameKind kind)
{
    for (Ast *k = stmt->kid; k; k = k->next) {
        Name *n = scope_add(e, s, kind, k->name, k->name_span);
        Ast *subs = ast_find(k, A_SUBS);
        n->stmt = stmt;
        n->decl = k;
        n->rhs = subs ? subs->next : k->kid;
        n->from = s;
        for (int i = 0; s == e->top && i < e->set->noption; i++)
            if (kind == N_OPTION && !strcmp(e->set->option[i].name, k->name))
                n->rhs = e->set->option[i].e;
    }
}

/* `state h[n] = e` declares what the equations define anyway; its value is
 * that of h[0] = e. */
static void collect_state(Elab *e, Scope *s, Ast *a)
{
    Ast *init = ast_find(a, A_INIT);
    for (Ast *d = a->kid; d && d->kind == A_DECL; d = d->next) {
        Name *n = scope_find(s, d->name);
        if (!n || n->kind != N_EQN) {
            if (s == e->top || e->building)
                diag(e->diags, E_STATE, d->name_span, d->name);
            continue;
        }
        n->state_decl = d;
        if (!init)
            continue;
        Edge edge = {false, 0, init->kid, s, init->span};
        vec_push(e->arena, &n->edge, edge);
    }
}

/* What the grammar lets through and may not stand there. */
static bool misplaced(Elab *e, Scope *s, Ast *a)
{
    if (a->kind == A_LANGUAGE && a->num != 1) {
        diag(e->diags, E_LANGUAGE, a->span, a->num);
        return true;
    }
    if (a->kind != A_OPTION || s == e->top || s == e->lib)
        return false;
    diag(e->diags, E_NESTED, a->span, "option");
    diag_help(e->diags, "make it an argument of the cell, with a default");
    return true;
}

static void check_extern(Elab *e, const Ast *fn)
{
    const char *wrong;
    extern_call(e, fn, &wrong);
    if (!wrong)
        return;
    diag(e->diags, E_EXTERN, fn->span, ast_find(fn, A_STR)->str, wrong);
    diag_help(e->diags, "extern fn name(x) = \"erfcf\" from \"math.h\" names a "
                        "function of C and the header that declares it");
}

static void collect_statement(Elab *e, Scope *s, Ast *a)
{
    if (misplaced(e, s, a))
        return;
    static const NameKind kind[] = {
        [A_INPUT] = N_INPUT, [A_PARAM] = N_PARAM, [A_NOISE] = N_NOISE};
    switch (a->kind) {
    case A_OPTION:
        collect_sets(e, s, a, N_OPTION);
        break;
    case A_CONST:
        collect_sets(e, s, a, N_CONST);
        break;
    case A_FN:
    case A_EXTERN:
    case A_CELL: {
        Name *old = s == e->top ? scope_find(e->lib, a->name) : NULL;
        Name *n = scope_add(e, s, a->kind == A_CELL ? N_CELL : N_FN, a->name,
                            a->name_span);
        if (old && !e->set->probe)
            diag(e->diags, W_SHADOWS, a->name_span, a->name);
        n->decl = n->stmt = a;
        if (a->kind == A_EXTERN)
            check_extern(e, a);
        if (a->kind == A_CELL)
            own_axes_check(e, a);
        break;
    }
    case A_INPUT:
    case A_PARAM:
    case A_NOISE:
        for (Ast *d = a->kid; d && d->kind == A_DECL; d = d->next)
            collect_decl(e, s, a, d, kind[a->kind]);
        break;
    case A_LOSS:
    case A_METRIC:
    case A_DRAW:
        if (s != e->top)
            vec_push(e->arena, &s->terms, a);
        break;
    default:
        break;
    }
}

/* Declarations first, so that equations may stand in any order. */
void scope_collect(Elab *e, Scope *s, Ast *first)
{
    for (Ast *a = first; a; a = a->next)
        if (a->kind == A_TIME)
            axes_collect(e, s, a);
    for (Ast *a = first; a; a = a->next)
        if (a->kind == A_OPTION || a->kind == A_CONST)
            collect_statement(e, s, a);
    for (Ast *a = first; a; a = a->next)
        if (a->kind != A_OPTION && a->kind != A_CONST)
            collect_statement(e, s, a);
    for (Ast *a = first; a; a = a->next) {
        if (a->kind != A_EQ)
            continue;
        bool edge = a->kid->kid && a->kid->kid->kind == A_INDEX;
        if (!edge)
            collect_equation(e, s, a);
    }
    for (Ast *a = first; a; a = a->next)
        if (a->kind == A_EQ && a->kid->kid && a->kid->kid->kind == A_INDEX)
            collect_equation(e, s, a);
    for (Ast *a = first; a; a = a->next)
        if (a->kind == A_STATE)
            collect_state(e, s, a);
    for (Ast *a = first; a; a = a->next) {
        Name *n = a->kind == A_DRAW && a->kid->kid->kind == A_NAME
                      ? scope_find(s, a->kid->kid->name)
                      : NULL;
        if (n)
            n->drawn = true;
    }
}
