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
    if (!v->row)
        return name;
    const char *where = v->row < 0 ? "prev" : "next";
    int far = v->row < 0 ? -v->row : v->row;
    if (!(v->axes & cell_time(v->axis)) &&
        v->row < 0) /* before the first step: h[0] */
        return far == 1 ? arena_printf(e->arena, "%s_0", name)
                        : arena_printf(e->arena, "%s_m%d", name, far - 1);
    return far == 1 ? arena_printf(e->arena, "%s_%s", name, where)
                    : arena_printf(e->arena, "%s_%s%d", name, where, far);
}

const char *emit_wished_name(const Emit *e, Val i)
{
    const Value *v = &e->s->val.v[i];
    const char *name = v->name;
    if (v->packed) {
        Val from = e->unpacked[i];
        name = from >= 0 ? emit_wished_name(e, from) : "matrix";
        return arena_printf(e->arena, "%s_packed", name);
    }
    if (v->kind == VAL_VIEW && !name) {
        const Value *base = &e->s->val.v[v->base];
        const char *part = product_name(e, base->ref, (int)v->col);
        return part && v->n < base->n
                   ? emit_identifier(e->arena, part)
                   : view_name(e, emit_wished_name(e, v->base), v);
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
            w->row == v->row && w->col == v->col && w->axes == v->axes &&
            w->spread == v->spread)
            return k;
    }
    return -1;
}

const char *emit_value_name(Emit *e, Val v)
{
    if (e->p->loc[v].spread)
        return emit_value_name(e, e->s->val.v[v].base);
    Val same = e->name[v] ? -1 : same_view(e, v);
    if (same >= 0)
        e->name[v] = e->name[same];
    else if (!e->name[v])
        e->name[v] = emit_fresh(e, emit_wished_name(e, v));
    const char *name =
        e->group ? emit_chunk_name(e, v, e->name[v]) : e->name[v];
    return e->part ? emit_part_name(e, v, name) : name;
}

/* ---- where values lie ---- */

int64_t emit_stride(const Emit *e, Val v, EmitRows rows)
{
    const Loc *l = loc_of(e, v);
    if (l->space == SP_CONST || l->space == SP_TIME)
        return 0;
    if (!rows.flat)
        return l->n == 1 ? 0 : l->ld;
    return l->axes & rows.flat ? l->ld : 0;
}

const char *emit_extent(int axis)
{
    return rows_text(axis);
}

const char *emit_variable(int axis)
{
    return axis == CELL_T   ? "t"
           : axis == CELL_U ? "u"
           : axis == CELL_V ? "v"
                            : "row";
}

int emit_place(int axis)
{
    int i = 0;
    while (axis >> i != 1)
        i++;
    return i;
}

const char *emit_step(Emit *e, Val v, int axis)
{
    const CellSize *z = &loc_of(e, v)->step[emit_place(axis)];
    int terms = z->c != 0, last = 0;
    for (int a = 1; a < 1 << CELL_AXES; a++)
        if (z->by[a]) {
            terms++;
            last = a;
        }
    if (terms != 1)
        return arena_printf(e->arena, "(%s)", emit_poly(e, *z));
    if (!last)
        return emit_size(e, z->c);
    return z->by[last] == 1 ? rows_text(last)
                            : arena_printf(e->arena, "%s*%s", rows_text(last),
                                           emit_size(e, z->by[last]));
}

const int emit_inner_first[CELL_AXES] = {CELL_B, CELL_T, CELL_U, CELL_V};

bool emit_follows(const Loc *l, CellSize unit, int inner, int outer)
{
    const CellSize *z = &l->step[emit_place(outer)];
    CellSize want = {0};
    if (inner)
        want.by[inner] = unit.c;
    else
        want.c = unit.c;
    for (int a = 1; a < 1 << CELL_AXES; a++)
        if (unit.by[a])
            want.by[a | inner] = unit.by[a];
    return !memcmp(&want, z, sizeof want);
}

static CellSize row_of(const Loc *l)
{
    CellSize z = {0};
    z.c = l->ld;
    return z;
}

bool emit_regular(const Loc *l, int inner, int outer)
{
    return emit_follows(l, row_of(l), inner, outer);
}

/* Whether the rows of the axes `flat` and `axis` around them are neighbours. */
static bool joins(const Loc *l, int flat, int axis)
{
    if (l->space == SP_CONST)
        return true;
    if (l->space == SP_TIME)
        return !(l->axes & GX_TIME & (flat | axis));
    int own = l->axes & (flat | axis);
    return !own || (own == (flat | axis) && emit_regular(l, flat, axis));
}

const char *emit_type(const Emit *e, Val v)
{
    bool words = e->p->loc[v].space == SP_PREPARED && e->s->val.v[v].packed &&
                 e->o->weights != WEIGHTS_F32;
    return words ? "uint32_t" : e->real;
}

static const char *loop_head(Emit *e, int axis)
{
    const char *t = emit_variable(axis);
    return arena_printf(e->arena, "for (int64_t %s = 0; %s < %s; %s++)", t, t,
                        emit_steps(e, axis), t);
}

EmitRows emit_walk(const Emit *e, const Kernel *k, int axes, int loop)
{
    EmitRows rows = {0, (uint8_t)loop};
    axes &= ~loop;
    for (int i = 0; i < CELL_AXES; i++) {
        int axis = emit_inner_first[i];
        if (!(axes & axis))
            continue;
        bool fits = (rows.step & ~loop) == 0;
        for (int v = 0; v < k->in.n; v++)
            fits = fits && joins(loc_of(e, k->in.v[v]), rows.flat, axis);
        for (int v = 0; v < k->inst.n; v++)
            fits =
                fits && (k->inst.v[v].out < 0 ||
                         joins(loc_of(e, k->inst.v[v].out), rows.flat, axis));
        if (k->out >= 0)
            fits = fits && joins(loc_of(e, k->out), rows.flat, axis);
        *(fits ? &rows.flat : &rows.step) |= (uint8_t)axis;
    }
    return rows;
}

int emit_open_rows(Emit *e, int axes)
{
    int n = 0;
    for (int i = CELL_AXES - 1; i >= 0; i--)
        if (axes & emit_inner_first[i]) {
            emit_open(e, "%s", loop_head(e, emit_inner_first[i]));
            n++;
        }
    return n;
}

int emit_loop_rows(Emit *e, int axes)
{
    int n = 0;
    for (int i = CELL_AXES - 1; i >= 0; i--)
        if (axes & emit_inner_first[i]) {
            emit_line(e, "%s", loop_head(e, emit_inner_first[i]));
            e->indent++;
            n++;
        }
    return n;
}

const char *emit_time_number(Emit *e, int axis)
{
    return arena_printf(e->arena, "(%s)(%s%s + 1)", e->real,
                        e->array ? "behind + " : "", emit_now(e, axis));
}

const char *emit_ring(Emit *e, Val v, const char *step)
{
    const Loc *l = &e->p->loc[v];
    const char *row =
        !l->row ? ""
                : arena_printf(e->arena, " %c %d", l->row < 0 ? '-' : '+',
                               l->row < 0 ? -l->row : l->row);
    return arena_printf(e->arena, "((%s%s) & %d)", step, row, l->ring - 1);
}

const char *emit_index(Emit *e, Val v, int axis)
{
    const Loc *l = &e->p->loc[v];
    if (!(axis & GX_TIME))
        return emit_variable(axis);
    if (l->turn)
        return arena_printf(e->arena, "(%s - from)", emit_variable(axis));
    if (l->every)
        return arena_printf(e->arena, "((%s)/%lld)", emit_now(e, axis),
                            (long long)l->every);
    return l->ring ? emit_ring(e, v, emit_now(e, axis)) : emit_variable(axis);
}

const char *emit_pointer(Emit *e, Val v, EmitRows rows)
{
    const Loc *l = loc_of(e, v);
    if (l->space == SP_CONST)
        return arena_printf(e->arena, "(const %s[]){%s}", e->real,
                            emit_real(e, l->num));
    if (l->space == SP_TIME)
        return arena_printf(e->arena, "(const %s[]){%s}", e->real,
                            emit_time_number(e, l->axes & GX_TIME));
    const char *at = emit_value_name(e, v);
    for (int i = CELL_AXES - 1; i >= 0; i--) {
        int axis = emit_inner_first[i];
        if (l->axes & rows.step & axis)
            at = arena_printf(e->arena, "%s + %s*%s", at,
                              emit_index(e, v, axis), emit_step(e, v, axis));
    }
    return at;
}

const char *emit_row_count(Emit *e, const Kernel *k, EmitRows rows)
{
    return rows.flat ? emit_rows_text(e, rows.flat)
                     : emit_size(e, k->m > 0 ? k->m : 1);
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
        bool fixed = l->space == SP_PARAM || l->space == SP_TABLE ||
                     (l->space == SP_PREPARED && !e->preparing);
        buf_printf(out, "    %s%s *const %s = ", fixed ? "const " : "",
                   emit_type(e, v), e->name[v]);
        if (l->space == SP_TABLE)
            buf_puts(out, e->file[l->table]);
        else if (l->space == SP_PREPARED)
            buf_printf(out, "prepared->%s", e->array[sched_base(e->s, v)]);
        else
            buf_printf(out, "(%s%s *)%s", fixed ? "const " : "", e->real,
                       l->space == SP_PARAM  ? "params"
                       : l->space == SP_GRAD ? "grads"
                                             : "work");
        CellSize at = l->at;
        const char *offset = emit_poly(e, at);
        if (emit_has_terms(at))
            buf_printf(out, " + %s", offset);
        buf_puts(out, ";\n");
    }
}
