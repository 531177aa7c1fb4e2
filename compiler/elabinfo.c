/* What the elaboration tells the outside: warnings about names that do
 * nothing, declarations with their dims as written, and what is still open. */
#include <string.h>

#include "elab.h"

/* The word itself, where the user wrote something that does nothing.  What is
 * not used outside of training may be used in it. */
static void unused_names(Elab *e)
{
    if (e->by_mode && !e->training)
        return;
    for (int i = 0; i < e->top->order.n; i++) {
        Name *n = e->top->order.v[i];
        static const char *const word[] = {
            [N_OPTION] = "option",   [N_CONST] = "const",
            [N_DIM] = "dim",         [N_INPUT] = "input",
            [N_PARAM] = "parameter", [N_NOISE] = "noise"};
        if (n->used || n->kind > N_NOISE || n->drawn)
            continue;
        if (n->kind == N_DIM)
            continue;
        diag(e->diags, W_UNUSED, n->span, word[n->kind], n->name);
    }
}

static void unreached_params(Elab *e)
{
    const Graph *g = e->graph;
    if (!e->loss)
        return;
    Arena *tmp = arena_new(NULL);
    Order reached = graph_order_of(g, e->loss, tmp);
    for (int i = 0; i < g->slot.n; i++) {
        const Slot *s = SLOT(g, i);
        Name *n = scope_find(e->top, s->name);
        bool free = s->kind == SLOT_PARAM && !(s->flags & CELL_FROZEN);
        if (free && !reached.slot_used[i] && (!n || n->used))
            diag(e->diags, W_UNREACHED, s->span, s->name);
    }
    arena_free(tmp);
}

static void decl_dims(Elab *e, CellcDecl *d, const Val *v)
{
    d->rank = v->rank;
    for (int i = 0; i < v->rank; i++) {
        d->dim[i] = dim_text(e->arena, v->dim[i]);
        d->size[i] = dim_value(v->dim[i]);
    }
    d->set = v->set ? dim_text(e->arena, v->set) : NULL;
}

static const char *init_text(Elab *e, const Slot *s)
{
    Buf b;
    buf_init(&b, e->arena);
    if (!strcmp(s->init.kind, "const")) {
        buf_num(&b, s->init.a);
        return b.s;
    }
    buf_puts(&b, s->init.kind);
    if (s->init.a != 0 || s->init.b != 0) {
        buf_puts(&b, "(");
        buf_num(&b, s->init.a);
        buf_puts(&b, ", ");
        buf_num(&b, s->init.b);
        buf_puts(&b, ")");
    }
    return b.s;
}

/* "</s>" of `time u until y == "</s>"`, if n is y. */
static const char *last_member(Elab *e, const Name *n)
{
    for (int i = 0; i < e->axis.n; i++) {
        const Ast *x = e->axis.v[i].decl, *rule = x ? x->kid : NULL;
        if (rule && x->op == K_UNTIL && rule->kind == A_BINARY &&
            rule->op == O_EQ && rule->kid->kind == A_NAME &&
            rule->kid->name == n->name && rule->kid->next->kind == A_STR)
            return rule->kid->next->str;
    }
    return NULL;
}

static void slot_decl(Elab *e, Elaborated *out, const Name *n, int part)
{
    const Slot *s = SLOT(e->graph, slot_part(n, part));
    CellcDecl d;
    memset(&d, 0, sizeof d);
    d.name = s->name;
    d.flags = s->flags;
    d.axes = s->axes;
    d.doc = n->stmt ? n->stmt->doc : NULL;
    decl_dims(e, &d, &n->val);
    if (s->kind == SLOT_PARAM) {
        d.role = CELL_PARAM;
        d.init = init_text(e, s);
    } else if (s->kind == SLOT_INPUT) {
        d.role = CELL_INPUT;
        d.last = last_member(e, n);
    } else if (s->kind == SLOT_NOISE) {
        d.role = CELL_NOISE;
    } else if (s->kind == SLOT_EQN && (n->min_off || n->max_off)) {
        d.role = CELL_STATE;
        d.given = n->kind != N_EQN;
        if (n->min_off >= 0)
            d.flags |= CELL_BACKWARD;
    } else {
        return;
    }
    vec_push(e->arena, &out->decl, d);
}

static void output_decls(Elab *e, Elaborated *out)
{
    const Graph *g = e->graph;
    for (int i = 0; i < g->root.n; i++) {
        const Root *r = &g->root.v[i];
        if (r->role != CELL_OUTPUT)
            continue;
        CellcDecl d;
        memset(&d, 0, sizeof d);
        const Node *n = NODE(g, r->value);
        const Shape *s = SHAPE(g, n->shape);
        d.name = r->name;
        d.role = CELL_OUTPUT;
        d.axes = n->axes;
        d.rank = s->rank;
        for (int k = 0; k < s->rank; k++) {
            d.size[k] = s->dim[k];
            d.dim[k] = arena_printf(e->arena, "%lld", (long long)s->dim[k]);
        }
        vec_push(e->arena, &out->decl, d);
    }
}

/* After an error: the name of that kind that is like the word, and all. */
static void help_names(Elab *e, int kind, const char *word)
{
    VEC(const char *) all = {0};
    Buf b;

    buf_init(&b, e->arena);
    for (int i = 0; i < e->top->order.n; i++) {
        const Name *n = e->top->order.v[i];
        if ((int)n->kind != kind ||
            (kind == N_DIM && dim_value(n->val.size) >= 0))
            continue;
        buf_printf(&b, "%s%s", all.n ? ", " : "", n->name);
        vec_push(e->arena, &all, n->name);
    }
    const char *near = diag_closest(word, all.v, all.n);
    if (near)
        diag_help(e->diags, "did you mean %s? it has %s", near, b.s);
    else if (all.n)
        diag_help(e->diags, "it has %s", b.s);
}

static void option_infos(Elab *e, Elaborated *out)
{
    for (int i = 0; i < e->top->order.n; i++) {
        Name *n = e->top->order.v[i];
        if (n->kind != N_OPTION)
            continue;
        Buf b;
        buf_init(&b, e->arena);
        ast_print_expr(&b, n->rhs);
        OptionInfo o = {n->name, b.s, n->stmt->doc,
                        is_template(e, n->from, n->rhs, 0)};
        vec_push(e->arena, &out->option, o);
    }
    for (int i = 0; i < e->set->noption; i++) {
        Name *n = scope_find(e->top, e->set->option[i].name);
        if (n && n->kind == N_OPTION)
            continue;
        diag(e->diags, E_NO_OPTION, (Span){0, 0}, e->set->option[i].name);
        help_names(e, N_OPTION, e->set->option[i].name);
    }
}

static void open_dims(Elab *e, Elaborated *out)
{
    for (int i = 0; i < e->top->order.n; i++) {
        Name *n = e->top->order.v[i];
        if (n->kind == N_DIM && dim_value(n->val.size) < 0)
            vec_push(e->arena, &out->open, n->name);
    }
    for (int i = 0; i < e->set->ndim; i++) {
        Name *n = scope_find(e->top, e->set->dim[i].name);
        if (n && n->kind == N_DIM)
            continue;
        diag(e->diags, E_NO_DIM, (Span){0, 0}, e->set->dim[i].name);
        help_names(e, N_DIM, e->set->dim[i].name);
    }
}

static void check_states(Elab *e)
{
    for (int i = 0; i < e->set->nstate; i++) {
        const char *in = arena_printf(e->arena, "%s@0", e->set->state[i]);
        if (graph_slot_find(e->graph, in) >= 0)
            continue;
        diag(e->diags, E_NO_STATE, (Span){0, 0}, e->set->state[i]);
        Buf b;
        buf_init(&b, e->arena);
        for (int k = 0; k < e->pending.n; k++) {
            Name *n = e->pending.v[k];
            if (n->kind != N_EQN || (!n->min_off && !n->max_off))
                continue;
            for (int p = 0; p < 1 + n->val.complex; p++)
                buf_printf(&b, " %s", SLOT(e->graph, slot_part(n, p))->name);
        }
        if (b.n)
            diag_help(e->diags, "recurrent names are:%s", b.s);
    }
}

static int count_axes(Elab *e)
{
    uint32_t used = 0;
    for (int i = 0; i < e->scope.n; i++)
        for (int k = 0; k < e->scope.v[i]->order.n; k++)
            if (e->scope.v[i]->order.v[k]->val.kind == V_TENSOR)
                used |= e->scope.v[i]->order.v[k]->val.axes & ~AXIS_B;
    int n = 0;
    for (int i = 0; i < e->axis.n; i++)
        n += (int)(used >> i & 1);
    return n;
}

Elaborated elab_results(Elab *e, Ast *const *file, int nfile)
{
    Elaborated out;
    memset(&out, 0, sizeof out);
    bool model = false;
    for (int f = 0; f < nfile; f++)
        for (Ast *a = file[f]->kid; a; a = a->next)
            model |= a->kind != A_CELL && a->kind != A_FN &&
                     a->kind != A_DERIV && a->kind != A_LANGUAGE &&
                     a->kind != A_USE && a->kind != A_EXTERN;
    option_infos(e, &out);
    open_dims(e, &out);
    check_states(e);
    if (!diags_errors(e->diags) && !e->set->nupstream && !e->set->probe) {
        over_check(e);
        unused_names(e);
        unreached_params(e);
        teacher_check(e);
    }
    out.naxes = count_axes(e);
    for (int i = 0; i < e->axis.n; i++)
        vec_push(e->arena, &out.axis, e->axis.v[i].name);
    bool *told = NEW_N(e->arena, bool, e->graph->slot.n + 1);
    for (int i = 0; i < e->scope.n; i++)
        for (int k = 0; k < e->scope.v[i]->order.n; k++) {
            Name *n = e->scope.v[i]->order.v[k];
            if (n->slot < 0 || told[n->slot]) /* shared weights: told once */
                continue;
            told[n->slot] = true;
            for (int p = 0; p < 1 + n->val.complex; p++)
                slot_decl(e, &out, n, p);
        }
    output_decls(e, &out);
    for (int i = 0; i < e->member.n; i++)
        vec_push(e->arena, &out.member, e->member.v[i]);
    out.graph = model ? e->graph : NULL;
    return out;
}
