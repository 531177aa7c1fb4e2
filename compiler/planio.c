/* The plan as text: what `show --stage plan` prints.  Sizes are polynomials in
 * the number of steps T and of sequences B, in reals. */
#include "plan.h"

static void print_size(Buf *out, CellSize z)
{
    bool first = true;
    for (int a = (1 << CELL_AXES) - 1; a >= 0; a--) {
        int64_t k = a ? z.by[a] : z.c;
        if (!k)
            continue;
        buf_printf(out, first ? "%lld%s%s" : " %+lld%s%s", (long long)k,
                   a ? "*" : "", a ? rows_text(a) : "");
        first = false;
    }
    if (first)
        buf_putc(out, '0');
}

static const char *life_text(const Value *v)
{
    if (v->kind != VAL_BUFFER)
        return "";
    return v->life == LIFE_KEEP ? " keep" : v->life == LIFE_TAPE ? " tape" : "";
}

static void print_place(Buf *out, const Plan *p, Val i)
{
    static const char *const space[] = {"",      "",     "table",
                                        "param", "grad", "work"};
    const Value *v = &p->s->val.v[i];
    const Loc *l = &p->loc[i];
    if (l->space == SP_CONST || l->space == SP_TIME || l->space == SP_TABLE)
        return;
    buf_printf(out, "  v%d %s%s [%s, %lld]", i, v->name ? v->name : "-",
               v->packed ? " packed" : "", rows_text(l->axes), (long long)l->n);
    if (v->kind == VAL_VIEW)
        buf_printf(out, " of v%d", v->base);
    buf_printf(out, " %s ", space[l->space]);
    print_size(out, l->at);
    if (l->ring)
        buf_printf(out, " ring of %d steps", l->ring);
    if (l->turn)
        buf_printf(out, " turn of %lld steps", (long long)l->turn);
    if (l->every)
        buf_printf(out, " each %lld steps", (long long)l->every);
    if (l->part)
        buf_printf(out, " %lld sequences", (long long)l->part);
    if (l->axes != GX_NONE && l->ld != l->n)
        buf_printf(out, " ld %lld", (long long)l->ld);
    buf_puts(out, life_text(v));
    if (v->kind == VAL_BUFFER && v->life == LIFE_TEMP && v->fn >= 0)
        buf_printf(out, " %s %d..%d",
                   v->fn == FN_FORWARD ? "forward" : "backward", v->first,
                   v->last);
    buf_putc(out, '\n');
}

static const char *role_text(int role)
{
    static const char *const name[] = {
        "param",  "input", "noise", "state",  "output", "final",
        "loss",   "term",  "count", "metric", "draw",   "grad",
        "length", "last",  "start", "batch",  "total",  "next",
        "stop",   "skip",  "fresh", "past"};
    return name[role];
}

static void print_tensor(Buf *out, const CellTensor *t)
{
    buf_printf(out, "  %s %s [", role_text(t->role), t->name);
    for (int i = 0; i < t->rank; i++)
        buf_printf(out, "%s%lld", i ? "," : "", (long long)t->dim[i]);
    buf_printf(out, "]%s%s%s%s at ", t->axes & CELL_V ? " V" : "",
               t->axes & CELL_U ? " U" : "", t->axes & CELL_T ? " T" : "",
               t->axes & CELL_B ? " B" : "");
    print_size(out, t->at);
    if (t->lag)
        buf_printf(out, " lag %d", t->lag);
    if (t->lead)
        buf_printf(out, " lead %d", t->lead);
    if (t->of >= 0)
        buf_printf(out, " of %d", t->of);
    if (t->flags)
        buf_printf(out, " flags %d", t->flags);
    buf_putc(out, '\n');
}

void plan_print(Buf *out, const Plan *p)
{
    buf_printf(out, "plan %s\nparameters %lld\nwork ", p->s->g->name,
               (long long)p->param_size);
    print_size(out, p->work_size);
    buf_puts(out, "\nvalues\n");
    for (Val v = 0; v < p->s->val.n; v++)
        print_place(out, p, v);
    buf_puts(out, "tensors\n");
    for (int i = 0; i < p->tensor.n; i++)
        print_tensor(out, &p->tensor.v[i]);
}
