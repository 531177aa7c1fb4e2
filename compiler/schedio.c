/* The schedule as text: what `show --stage sched` prints.  Numbers after % are
 * those of the graph as text; rows are written as T*B, B or 1. */
#include "sched.h"

#include <string.h>

#include "ops.h"

typedef struct Printer {
    Buf *out;
    const Sched *s;
    int *number; /* per node */
} Printer;

static const char *const names[] = {
    [KN_FUSED] = "fused",     [KN_COPY] = "copy",
    [KN_PACK] = "pack",       [KN_GEMM] = "gemm",
    [KN_OUTER] = "outer",     [KN_TRANSPOSE] = "transpose",
    [KN_PRODUCT] = "product", [KN_VIEW] = "view",
    [KN_FOLD] = "fold",       [KN_EXPM] = "expm",
    [KN_SOLVE] = "solve",     [KN_TAKE] = "take",
    [KN_PUT] = "put",         [KN_CUMSUM] = "cumsum",
    [KN_GATHER] = "gather",   [KN_SCATTER] = "scatter",
    [KN_SUM] = "sum",         [KN_MAXV] = "max",
    [KN_MINV] = "min",        [KN_ARGMAX] = "argmax",
    [KN_LSE] = "logsumexp",   [KN_SOFTMAX] = "softmax",
    [KN_ONEHOT] = "onehot",   [KN_PICK] = "pick",
    [KN_PLACE] = "place",     [KN_SUMA] = "sum over",
    [KN_MAXA] = "max over",   [KN_MINA] = "min over",
    [KN_POOL] = "pool",       [KN_AT] = "at",
    [KN_TAIL] = "tail",       [KN_REVERSE] = "reverse",
    [KN_LAST] = "last",       [KN_EVERY] = "every",
    [KN_HOLD] = "hold"};

const char *kernel_name(KernelKind k)
{
    return names[k];
}

static void print_ref(Printer *p, Ref r)
{
    const Sched *s = p->s;
    if (NODE(s->g, r)->op == OP_PARAM) {
        buf_puts(p->out, SLOT(s->g, NODE(s->g, r)->a)->name);
        return;
    }
    for (Val v = 0; v < s->val.n; v++)
        if (s->val.v[v].ref == r && s->val.v[v].name &&
            s->val.v[v].kind != VAL_TABLE) {
            buf_puts(p->out, s->val.v[v].name);
            return;
        }
    buf_printf(p->out, "%%%d", p->number[r]);
}

static void print_value(Printer *p, Val i)
{
    const Value *v = &p->s->val.v[i];
    switch (v->kind) {
    case VAL_CONST:
        buf_num(p->out, v->num);
        return;
    case VAL_TIME:
        buf_putc(p->out, "tuv"[v->axis]);
        return;
    case VAL_PARAM:
    case VAL_GRAD:
        buf_printf(p->out, "%s%s", v->kind == VAL_GRAD ? "d " : "", v->name);
        if (v->shape != SLOT(p->s->g, v->slot)->shape)
            buf_puts(p->out, "...");
        return;
    case VAL_VIEW:
        break;
    default:
        if (v->packed)
            buf_puts(p->out, "packed ");
        if (v->name)
            buf_puts(p->out, v->name);
        else
            print_ref(p, v->ref);
        return;
    }
    const Value *base = &p->s->val.v[v->base];
    if (v->end) {
        print_value(p, v->base);
        buf_puts(p->out, "[end]");
        return;
    }
    if (v->spread) {
        buf_puts(p->out, v->spread == SPREAD_LINES ? "lines " : "columns ");
        print_value(p, v->base);
        return;
    }
    if (v->name && !v->row) {
        buf_puts(p->out, v->name);
        return;
    }
    print_value(p, v->base);
    if (v->row && v->axes == base->axes)
        buf_printf(p->out, "[%c%+d]", "tuv"[v->axis], v -> row);
    else if (v->row || v->axes != base->axes)
        buf_printf(p->out, "[%d]", v->row + 1);
    if (v->n != base->n)
        buf_printf(p->out, "[%lld:%lld]", (long long)v->col,
                   (long long)(v->col + v->n));
}

const char *rows_text(int axes)
{
    static const char *const text[1 << CELL_AXES] = {
        "1", "T",   "B",   "T*B",   "U",   "U*T",   "U*B",   "U*T*B",
        "V", "V*T", "V*B", "V*T*B", "V*U", "V*U*T", "V*U*B", "V*U*T*B"};
    return text[axes];
}

static void print_inst(Printer *p, const Kernel *k, int i)
{
    const Inst *x = &k->inst.v[i];
    buf_puts(p->out, "        ");
    print_ref(p, x->node);
    buf_printf(p->out, " = %s", op_row[x->op].name);
    for (int o = 0; o < x->nin; o++) {
        buf_putc(p->out, ' ');
        if (x->in[o] >= 0)
            print_ref(p, k->inst.v[x->in[o]].node);
        else
            print_value(p, k->in.v[~x->in[o]]);
    }
    if (x->out >= 0) {
        buf_puts(p->out, " -> ");
        print_value(p, x->out);
    }
    buf_putc(p->out, '\n');
}

static void print_extras(Printer *p, const Kernel *k)
{
    if (k->kind == KN_AT || k->kind == KN_TAIL)
        buf_printf(p->out, " row %s%+d", k->in.n > 1 ? "len" : "", k->row);
    if (k->kind == KN_SUMA || k->kind == KN_MAXA || k->kind == KN_MINA)
        buf_printf(p->out, " over %s", rows_text(k->over));
    if (k->where)
        buf_puts(p->out, " where the last is not 0");
    if (k->kind == KN_EVERY || k->kind == KN_HOLD)
        buf_printf(p->out, " rate %d row %+d", k->rate, k->row);
    if (k->kind == KN_EVERY && k->parts > 1)
        buf_printf(p->out, " sum of %lld", (long long)k->parts);
    if (k->on_start)
        buf_puts(p->out, " on start");
    if (k->every)
        buf_printf(p->out, " each %lld steps", (long long)k->every);
    if (k->add)
        buf_puts(p->out, " added");
    if (k->kind == KN_PACK && k->trans)
        buf_puts(p->out, " transposed");
}

/* loop: the bit of the axis that is swept around it, or 0. */
static void print_kernel(Printer *p, const Kernel *k, int loop)
{
    const char *rows = rows_text(k->axes & ~loop);
    buf_printf(p->out, "    %-9s ", kernel_name(k->kind));
    if (k->kind == KN_FUSED) {
        buf_printf(p->out, "[%s, %lld]\n", rows, (long long)k->n);
        for (int i = 0; i < k->inst.n; i++)
            print_inst(p, k, i);
        return;
    }
    print_value(p, k->out);
    if (k->kind == KN_GEMM || k->kind == KN_OUTER || k->kind == KN_PACK)
        buf_printf(p->out, " [%s, %lld, %lld]", rows, (long long)k->n,
                   (long long)k->k);
    else
        buf_printf(p->out, " [%s, %lld]", rows, (long long)k->n);
    buf_puts(p->out, " =");
    for (int i = 0; i < k->in.n; i++) {
        buf_putc(p->out, ' ');
        print_value(p, k->in.v[i]);
    }
    print_extras(p, k);
    buf_putc(p->out, '\n');
}

/* Kernel i of some, those of a sweep under its size. */
static void print_one(Printer *p, const Stage *st, const Kernel *v, int i,
                      int loop)
{
    if (v[i].sweep && (!i || v[i].sweep != v[i - 1].sweep)) {
        buf_printf(p->out, "   sweep over %lld lines", (long long)v[i].lines);
        if (st->swept)
            buf_printf(p->out, ", each through %lld steps",
                       (long long)st->turn);
        buf_putc(p->out, '\n');
    }
    if (i && v[i - 1].sweep && !v[i].sweep)
        buf_puts(p->out, "   one by one\n");
    print_kernel(p, &v[i], loop);
}

/* The steps of a group, before its first stage. */
static void print_group(Printer *p, const Group *g)
{
    char big = "TUV"[g->axis], small = "tuv"[g->axis];
    buf_printf(p->out,
               g->dir > 0 ? "  chunks of %c = 1..%c, "
                          : "  chunks of %c = %c..1, ",
               small, big);
    if (g->steps)
        buf_printf(p->out, "%lld steps each\n", (long long)g->steps);
    else
        buf_printf(p->out, "%lld rows each\n", (long long)g->rows);
}

static void print_needs(Printer *p, const char *what, uint64_t lanes)
{
    for (int i = 0; lanes >> i; i++)
        if (lanes >> i & 1) {
            buf_printf(p->out, "%s %d", what, i + 1);
            what = ",";
        }
}

/* Before the first stage of a lane: which it is of its section, and after which
 * others it comes. */
static void print_lane(Printer *p, const SchedFn *fn, const Stage *st)
{
    const Lane *l = &fn->lane.v[st->lane - 1];
    int first = fn->section.v[l->section].first;
    if (st->lane == first + 1)
        buf_printf(p->out, "  side by side\n");
    buf_printf(p->out, "  lane %d%s", st->lane - first,
               l->any    ? ", chunks in any order"
               : l->fine ? ", by chunks"
                         : "");
    print_needs(p, ", each behind that of", l->same);
    print_needs(p, ", after", l->all);
    buf_putc(p->out, '\n');
}

static void print_stage(Printer *p, const Stage *st, int i)
{
    int loop = 0;
    buf_printf(p->out, "  stage %d: ", i);
    if (st->comp < 0) {
        buf_puts(p->out, st->group < 0 ? "whole sequence\n" : "chunk\n");
    } else {
        const Comp *c = &p->s->causal.v.v[st->comp];
        char big = "TUV"[c->axis], small = "tuv"[c->axis];
        loop = cell_time(c->axis);
        buf_printf(p->out,
                   st->dir > 0 ? "loop %c = 1..%c over"
                               : "loop %c = %c..1 over",
                   small, big);
        for (int k = 0; k < c->slot.n; k++)
            buf_printf(p->out, " %s", SLOT(p->s->g, c->slot.v[k])->name);
        if (st->rows)
            buf_printf(p->out, ", %lld sequences at a time",
                       (long long)st->rows);
        buf_putc(p->out, '\n');
    }
    for (int k = 0; k < st->again.n; k++)
        print_one(p, st, st->again.v, k, loop);
    if (st->again.n)
        buf_printf(p->out, "   after %lld such steps, back\n",
                   (long long)st->turn);
    for (int k = 0; k < st->kernel.n; k++)
        print_one(p, st, st->kernel.v, k, loop);
}

void sched_print(Buf *out, const Sched *s)
{
    static const char *const fn[] = {"forward", "backward"};
    Arena *tmp = arena_new(NULL);
    Order o = graph_order(s->g, tmp);
    Printer p = {out, s, NEW_N(tmp, int, s->g->node.n)};
    for (int i = 0; i < o.n; i++)
        p.number[o.v[i]] = i + 1;
    buf_printf(out, "schedule %s\n", s->g->name);
    for (int f = 0; f < FN_COUNT; f++) {
        if (!s->fn[f].stage.n)
            continue;
        buf_printf(out, "%s\n", fn[f]);
        for (int i = 0, group = -1, lane = 0; i < s->fn[f].stage.n; i++) {
            const Stage *st = &s->fn[f].stage.v[i];
            if (st->lane && st->lane != lane)
                print_lane(&p, &s->fn[f], st);
            if (st->group >= 0 && st->group != group)
                print_group(&p, &s->fn[f].group.v[st->group]);
            else if (st->group < 0 && (group >= 0 || (lane && !st->lane)))
                buf_puts(p.out, "  all steps\n");
            group = st->group;
            lane = st->lane;
            print_stage(&p, st, i);
        }
    }
    arena_free(tmp);
}
