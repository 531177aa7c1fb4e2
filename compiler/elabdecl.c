/* Declarations of the elaboration: inputs, parameters and noise become slots
 * of the graph with their shapes, sets, start values and constraints. */
#include <math.h>
#include <string.h>

#include "elab.h"

static void param_constraint(Elab *e, Scope *s, Slot *slot, Ast *decl)
{
    Ast *in = ast_find(decl, A_IN);
    if (!in || declared_complex(decl))
        return;
    if (in->kid->next)
        init_interval(e, s, slot, in);
    else
        init_manifold(e, slot, in);
}

static void param_with(Elab *e, Scope *s, Slot *slot, Ast *with)
{
    for (Ast *k = with ? with->kid : NULL; k; k = k->next)
        init_with(e, s, slot, k);
}

/* A number; of a complex one the part that is asked for. */
static double start_number(Elab *e, Scope *s, Ast *a, int part)
{
    Val v = expr(e, s, a);
    if (v.complex) {
        const Node *n = NODE(e->graph, part ? v.im : v.ref);
        if (n->op == OP_CONST)
            return n->num;
    }
    return part && v.constant ? 0 : expr_number(e, s, a, "a start value").num;
}

static void start_table(Elab *e, Scope *s, Slot *slot, Ast *subs, Ast *rhs,
                        const Val *v)
{
    double *value;
    if (table_values(e, s, subs, rhs, v, &value))
        slot->init.value = value;
}

static void param_slot(Elab *e, Name *n, int part)
{
    Scope *s = n->scope;
    const char *full = full_name(e, s->weights, n->name);
    int shape = val_shape(e, &n->val);
    int *own = part ? &n->im_slot : &n->slot;
    if (n->val.complex)
        full = part_name(e, full, part);
    *own = graph_slot_find(e->graph, full);
    if (*own >= 0) { /* shared weights: a second application */
        if (SLOT(e->graph, *own)->shape != shape) {
            diag(e->diags, E_SHARED_SHAPE,
                 s->app ? s->app->call->span : n->span, full);
            diag_note(e->diags, n->span, "%s is declared here", n->name);
            *own = -1;
            n->state = 3;
        }
        return;
    }
    *own = graph_slot(e->graph, SLOT_PARAM, full, shape, GX_NONE);
    Slot *slot = SLOT(e->graph, *own);
    slot->span = n->span;
    if (n->val.rank >= 2)
        slot->init.kind = "glorot";
    param_constraint(e, s, slot, n->decl);
    Ast *init = ast_find(n->stmt, A_INIT);
    Ast *subs = ast_find(n->decl, A_SUBS);
    if (subs && subs->kid->kind == A_KEY) {
        slot->init.kind = "table";
        if (!init || init->op != '=')
            diag(e->diags, E_TABLE, subs->span);
        else if (part)
            slot->init.kind = "const"; /* the formula is real */
        else
            start_table(e, s, slot, subs, init->kid, &n->val);
    } else if (init && init->op == '=') {
        slot->init.kind = "const";
        slot->init.a = start_number(e, s, init->kid, part);
    } else if (init) {
        slot->init = init_read(e, s, init->kid, false);
        bool share = !strcmp(slot->init.kind, "frequency");
        if (share && n->val.rank != 1)
            diag(e->diags, E_FREQUENCY, init->kid->span, n->name,
                 val_text(e, &n->val));
        if ((share || !strcmp(slot->init.kind, "load")) && n->val.rank)
            slot->set = dim_text(e->arena, n->val.dim[0]);
    }
    if (init)
        init_inside(e, slot, init->span);
    param_with(e, s, slot, ast_find(n->stmt, A_WITH));
}

/* The slot of an input or of noise, or one of the two of a complex one. */
static Slot *value_slot(Elab *e, Name *n, SlotKind kind, int part)
{
    int *own = part ? &n->im_slot : &n->slot;
    *own = graph_slot(e->graph, kind,
                      n->val.complex ? part_name(e, n->full, part) : n->full,
                      val_shape(e, &n->val), val_axes(&n->val));
    Slot *slot = SLOT(e->graph, *own);
    slot->span = n->span;
    return slot;
}

static void noise_slot(Elab *e, Name *n, int part)
{
    Ast *init = ast_find(n->stmt, A_INIT);
    int op = n->stmt->op;
    Slot *slot = value_slot(e, n, SLOT_NOISE, part);
    if (!init)
        return;
    if (n->val.set) {
        slot->flags |= CELL_INDEX;
        slot->classes = dim_number(n->val.set);
        slot->set = dim_text(e->arena, n->val.set);
    }
    if (n->val.set || init_is_classes(init->kid))
        init_classes(e, n, slot, init->kid);
    else
        slot->init = init_read(e, n->scope, init->kid, true);
    if (op)
        slot->init.kind = arena_printf(e->arena, "%s %s", slot->init.kind,
                                       op == K_ONCE ? "once" : "shared");
}

static void input_slot(Elab *e, Name *n, int part)
{
    Slot *slot = value_slot(e, n, SLOT_INPUT, part);
    if (n->val.set) {
        slot->flags |= CELL_INDEX;
        slot->classes = dim_number(n->val.set);
        slot->set = dim_text(e->arena, n->val.set);
    }
    if (n->drawn)
        slot->flags |= CELL_OBSERVED;
    if (!part)
        vec_push(e->arena, &e->pending, n);
}

bool any_shape(const Ast *subs)
{
    return subs && subs->kid && !subs->kid->next && subs->kid->kind == A_NAME &&
           !strcmp(subs->kid->name, "...");
}

/* Axes in front (in a model), then dims.  false while a dim is unknown. */
bool declare_type(Elab *e, Name *n)
{
    Val v = val_unknown(0);
    Scope *s = n->scope;
    bool model = s == e->top && n->kind != N_PARAM;
    Ast *subs = ast_find(n->decl, A_SUBS);
    int named = 0;
    v.rank = 0;
    if (n->kind != N_PARAM)
        v.axes = AXIS_B;
    if (n->kind == N_NOISE) {
        int axis = s->app ? s->axis : 0;
        v.axes = n->stmt->op == K_SHARED             ? 0
                 : n->stmt->op == K_ONCE || axis < 0 ? AXIS_B
                                                     : AXIS_B | 1u << axis;
    }
    if (any_shape(subs)) {
        if (s->any.kind != V_TENSOR)
            return false;
        v.rank = s->any.rank;
        memcpy(v.dim, s->any.dim, sizeof v.dim);
        subs = NULL;
    }
    for (Ast *k = subs ? subs->kid : NULL; k; k = k->next) {
        OwnAxis *own = n->kind == N_NOISE && k->kind == A_NAME
                           ? own_axis(s, k->name)
                           : NULL;
        int axis = own ? own->axis : -1;
        if (own && axis < 0)
            return false;
        for (int i = 0; model && k->kind == A_NAME && i < e->axis.n; i++)
            if (!strcmp(e->axis.v[i].name, k->name))
                axis = i;
        if (axis >= 0) {
            if (model && n->kind == N_NOISE && !named++ && !n->stmt->op)
                v.axes = AXIS_B; /* its own axes instead of the first */
            v.axes |= 1u << axis;
            e->axis.v[axis].used = true;
            continue;
        }
        const Dim *d = n->kind == N_PARAM && k->kind == A_KEY
                           ? table_dim(e, s, k)
                           : expr_dim(e, s, k);
        if (!d)
            return false;
        if (v.rank == SHAPE_RANK) {
            if (e->building)
                diag(e->diags, E_RANK, k->span);
            return false;
        }
        v.dim[v.rank++] = d;
    }
    Ast *in = ast_find(n->decl, A_IN);
    v.complex = declared_complex(n->decl);
    if (in && n->kind != N_PARAM && !in->kid->next && !v.complex) {
        v.set = expr_dim(e, s, in->kid);
        if (!v.set)
            return false;
    }
    n->val = v;
    n->typed = true;
    return true;
}

/* Whether the argument does not have the shape of the input n. */
static bool misfits(Elab *e, Scope *s, const Name *n)
{
    Ast *subs = ast_find(n->decl, A_SUBS);
    if (n->val.kind != V_TENSOR)
        return true;
    if (any_shape(subs))
        return false;
    int own = own_axis_subs(s, subs), i = 0;
    bool bad = n->val.rank != (subs ? ast_count(subs) - own : 0);
    for (Ast *k = subs ? ast_kid(subs, own) : NULL; k && !bad;
         k = k->next, i++) {
        const Dim *d = expr_dim(e, s, k);
        bad = d && !same_dim(e, d, n->val.dim[i]);
    }
    return bad;
}

/* Whether an input is wrong, which is told: what it leaves open is no mistake
 * of its own. */
static bool input_failed(Elab *e, Scope *s)
{
    for (int i = 0; i < s->order.n; i++) {
        Name *n = s->order.v[i];
        if (n->kind != N_ARG || !n->decl || !misfits(e, s, n))
            continue;
        name_value(e, n, n->span); /* which says so */
        return true;
    }
    return false;
}

bool declare(Elab *e, Name *n)
{
    if (n->slot >= 0 || (!e->building && n->typed && n->kind != N_PARAM))
        return true;
    if (n->state == 3)
        return false;
    if (!declare_type(e, n)) {
        n->state = e->building ? 3 : 0; /* told once */
        return false;
    }
    if (!e->building)
        return true;
    for (int i = 0; i < n->val.rank; i++) {
        Sym *open = dim_free(dim_resolve(e->arena, n->val.dim[i]));
        if (open && n->scope->app && !open->bound &&
            input_failed(e, n->scope)) {
            n->state = 3;
            return false;
        }
        if (open && n->scope->app && !open->bound) {
            bool top = false;
            for (int k = 0; k < e->top->order.n; k++)
                top |= e->top->order.v[k]->kind == N_DIM &&
                       dim_free(e->top->order.v[k]->val.size) == open;
            if (top)
                continue;
            diag(e->diags, E_DIM_UNSOLVED, n->span, n->name, open->name,
                 n->scope->where ? n->scope->where : "the model");
            n->state = 3;
            return false;
        }
    }
    for (int p = 0; p < 1 + n->val.complex; p++)
        if (n->kind == N_PARAM)
            param_slot(e, n, p);
        else if (n->kind == N_NOISE)
            noise_slot(e, n, p);
        else
            input_slot(e, n, p);
    return n->slot >= 0;
}
