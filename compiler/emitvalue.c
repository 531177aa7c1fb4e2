/* Values in emitted code: what their pointers are called, where those point,
 * and how rows lie behind them.  Beneath emit.c and the styles. */
#include "emit.h"

#include <string.h>

#include "ops.h"

static const Loc *loc_of(const Emit *e, Val v)
{
    return &e->p->loc[v];
}

/* ---- names ---- */

/* Name of the slot that `r` is or reads, or NULL. */
static const char *slot_name(const Emit *e, Ref r)
{
    const Node *n = NODE(e->g, r);
    bool named = n->op == OP_PARAM || n->op == OP_READ || n->op == OP_AT;
    for (int i = 0; !named && i < e->g->slot.n; i++)
        if (SLOT(e->g, i)->root == r)
            return SLOT(e->g, i)->name;
    return named ? SLOT(e->g, n->a)->name : NULL;
}

/* W of W x, in Wx; of products merged into one (gemm.c) that of the part whose
 * rows begin at `row`. */
static const char *matrix_name(const Emit *e, Ref w, int row)
{
    const Node *n = NODE(e->g, w);
    if (n->op != OP_CONCAT)
        return slot_name(e, w);
    int at = 0;
    for (int i = 0; i < n->nin; i++) {
        Ref part = IN(e->g, w, i);
        if (at == row)
            return slot_name(e, part);
        at += (int)SHAPE(e->g, NODE(e->g, part)->shape)->dim[0];
    }
    return NULL;
}

/* h of enc.1.h */
static const char *last_part(const char *name)
{
    const char *dot = name ? strrchr(name, '.') : NULL;
    return dot ? dot + 1 : name;
}

static const char *operator_name(const Emit *e, Ref r)
{
    Buf b;
    buf_init(&b, e->arena);
    for (const char *s = op_row[NODE(e->g, r)->op].name; *s; s++)
        buf_putc(&b, (char)(*s >= 'A' && *s <= 'Z' ? *s + 32 : *s));
    return b.s;
}

/* Wx for the product of W and x; `row` says which part of merged products, -1
 * is all of them.  NULL for anything else. */
static const char *product_name(const Emit *e, Ref r, int row)
{
    if (!r || NODE(e->g, r)->op != OP_MATVEC)
        return NULL;
    Ref matrix = IN(e->g, r, 0);
    const char *w = matrix_name(e, matrix, row < 0 ? 0 : row);
    const char *x = last_part(slot_name(e, IN(e->g, r, 1)));
    if (!x)
        x = operator_name(e, IN(e->g, r, 1));
    bool all = NODE(e->g, matrix)->op == OP_CONCAT && row < 0;
    return w ? arena_printf(e->arena, "%s%s%s%s", w, x[1] ? "_" : "", x,
                            all ? "_all" : "")
             : NULL;
}

/* What a value without a name of its own is called: a product by its operands,
 * anything else by its operator. */
static const char *plain_name(const Emit *e, Ref ref)
{
    if (!ref)
        return "v";
    const char *name = product_name(e, ref, -1);
    return name ? name : arena_printf(e->arena, "v_%s", operator_name(e, ref));
}

/* The part of a slot's name that says what it is: dh of dh[t+1]. */
static const char *stem(const Emit *e, const char *name)
{
    return emit_identifier(e->arena,
                           arena_strndup(e->arena, name, strcspn(name, "[@")));
}

static const char *view_name(const Emit *e, const char *name, const Value *v)
{
    if (!v->row && !v->end)
        return name;
    const char *where = v->row < 0 ? "prev" : "next";
    int far = v->row < 0 ? -v->row : v->row;
    if (v->end)
        return arena_printf(e->arena, "%s_end", name);
    if (v->axes != GX_TB && v->row < 0) /* before the first step: h[0] */
        return far == 1 ? arena_printf(e->arena, "%s_0", name)
                        : arena_printf(e->arena, "%s_m%d", name, far - 1);
    return far == 1 ? arena_printf(e->arena, "%s_%s", name, where)
                    : arena_printf(e->arena, "%s_%s%d", name, where, far);
}

static const char *wished_name(const Emit *e, Val i)
{
    const Value *v = &e->s->val.v[i];
    const char *name = v->name;
    if (v->packed) {
        Val from = e->unpacked[i];
        name = from >= 0 ? wished_name(e, from) : "matrix";
        return arena_printf(e->arena, "%s_packed", name);
    }
    if (v->kind == VAL_VIEW && !name) {
        const Value *base = &e->s->val.v[v->base];
        const char *part = product_name(e, base->ref, (int)v->col);
        return part && v->n < base->n
                   ? emit_identifier(e->arena, part)
                   : view_name(e, wished_name(e, v->base), v);
    }
    if (!name && v->slot >= 0)
        name = SLOT(e->g, v->slot)->name;
    name = stem(e, name ? name : plain_name(e, v->ref));
    if (v->kind == VAL_GRAD)
        name = arena_printf(e->arena, "d%s", name);
    return v->kind == VAL_VIEW ? view_name(e, name, v) : name;
}

/* An earlier view of the very same reals, or -1. */
static Val same_view(const Emit *e, Val i)
{
    const Value *v = &e->s->val.v[i];
    for (Val k = 0; v->kind == VAL_VIEW && k < e->s->val.n; k++) {
        const Value *w = &e->s->val.v[k];
        if (k != i && e->name[k] && w->kind == VAL_VIEW && w->base == v->base &&
            w->row == v->row && w->end == v->end && w->col == v->col &&
            w->axes == v->axes)
            return k;
    }
    return -1;
}

const char *emit_value_name(Emit *e, Val v)
{
    Val same = e->name[v] ? -1 : same_view(e, v);
    if (same >= 0)
        e->name[v] = e->name[same];
    else if (!e->name[v])
        e->name[v] = emit_fresh(e, wished_name(e, v));
    return e->name[v];
}

/* ---- where values lie ---- */

int64_t emit_stride(const Emit *e, Val v, EmitRows rows)
{
    const Loc *l = loc_of(e, v);
    if (l->space == SP_CONST || l->space == SP_TIME)
        return 0;
    if (rows == ROWS_ONE)
        return l->n == 1 ? 0 : l->ld;
    return l->axes == GX_NONE ? 0 : l->ld;
}

/* Reals from one step to the next, given those from row to row. */
const char *emit_per_step(Emit *e, int64_t ld)
{
    return ld == 1 ? "B" : arena_printf(e->arena, "B*%s", emit_size(e, ld));
}

const char *emit_pointer(Emit *e, Val v, EmitRows rows)
{
    const Loc *l = loc_of(e, v);
    if (l->space == SP_CONST)
        return arena_printf(e->arena, "(const %s[]){%s}", e->real,
                            emit_real(e, l->num));
    if (l->space == SP_TIME)
        return arena_printf(e->arena, "(const %s[]){(%s)(t + 1)}", e->real,
                            e->real);
    const char *name = emit_value_name(e, v);
    if (l->axes != GX_TB || rows != ROWS_STEP)
        return name;
    return arena_printf(e->arena, "%s + t*%s", name, emit_per_step(e, l->ld));
}

const char *emit_row_count(Emit *e, const Kernel *k, EmitRows rows)
{
    if (rows == ROWS_ALL)
        return "T*B";
    return rows == ROWS_ONE ? emit_size(e, k->m > 0 ? k->m : 1) : "B";
}

static bool is_repeated(const Emit *e, Val v)
{
    for (Val k = 0; k < v; k++)
        if (e->name[k] == e->name[v])
            return true;
    return false;
}

/* The pointers that the body uses, in the order of the values. */
void emit_pointers(Emit *e, Buf *out)
{
    for (Val v = 0; v < e->s->val.n; v++) {
        if (!e->name[v] || is_repeated(e, v))
            continue;
        const Loc *l = loc_of(e, v);
        bool fixed = l->space == SP_PARAM || l->space == SP_TABLE;
        buf_printf(out, "    %s%s *const %s = ", fixed ? "const " : "", e->real,
                   e->name[v]);
        if (l->space == SP_TABLE)
            buf_puts(out, e->file[l->table]);
        else
            buf_printf(out, "(%s%s *)%s", fixed ? "const " : "", e->real,
                       l->space == SP_PARAM  ? "params"
                       : l->space == SP_GRAD ? "grads"
                                             : "work");
        CellSize at = l->at;
        if (at.tb || at.t || at.b || at.c)
            buf_printf(out, " + %s", emit_poly(e, at));
        buf_puts(out, ";\n");
    }
}
