/* The descriptor of a model (cellrt.h): in memory for a JIT, as C text for
 * emitted files, both from the plan's table of tensors. */
#include "emit.h"

#include <math.h>
#include <string.h>

CellDesc *emit_desc(const Plan *p, const EmitOptions *o, Arena *a)
{
    CellDesc *d = NEW(a, CellDesc);
    d->abi = CELL_ABI;
    d->name = arena_printf(a, "%s", o->name);
    d->real_bytes = o->real64 ? 8 : 4;
    d->ntime = p->s->ntime;
    for (int i = 0; i < d->ntime; i++)
        d->time[i] = emit_time_name(p, i);
    for (int i = 0; i < CELL_TIMES; i++) {
        d->like[i] = sched_like(p->s, i);
        d->rate[i] = sched_rate(p->s, i);
    }
    d->ntensor = p->tensor.n;
    d->tensor = p->tensor.v;
    d->param_size = p->param_size;
    d->work_size = p->work_size;
    d->once = p->once;
    d->spec = o->spec ? arena_printf(a, "%s", o->spec) : NULL;
    d->trained = o->trained ? arena_printf(a, "%s", o->trained) : NULL;
    return d;
}

const char *emit_time_name(const Plan *p, int i)
{
    return i < p->s->g->time.n ? p->s->g->time.v[i].name : "t";
}

/* A C string, one literal for each line of the text. */
static void print_string(Buf *out, const char *s)
{
    if (!s) {
        buf_puts(out, "NULL");
        return;
    }
    buf_putc(out, '"');
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\' || c == '?')
            buf_printf(out, "\\%c", c);
        else if (c == '\n')
            buf_printf(out, "\\n%s", s[1] ? "\"\n    \"" : "");
        else if (c < 32 || c > 126)
            buf_printf(out, "\\%03o", c);
        else
            buf_putc(out, (char)c);
    }
    buf_putc(out, '"');
}

static void print_double(Buf *out, double x)
{
    if (isinf(x) || isnan(x))
        buf_puts(out, isnan(x) ? "NAN" : x > 0 ? "HUGE_VAL" : "-HUGE_VAL");
    else
        buf_num(out, x);
}

static void print_size(Buf *out, CellSize s)
{
    int last = (1 << CELL_AXES) - 1;
    while (last && !s.by[last])
        last--;
    buf_printf(out, "{%lld, {", (long long)s.c);
    for (int a = 0; a <= last; a++)
        buf_printf(out, "%s%lld", a ? ", " : "", (long long)s.by[a]);
    buf_puts(out, "}}");
}

/* The start values of a parameter that has a formula for them. */
static void print_values(Buf *out, const CellTensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++)
        n *= t->dim[i];
    buf_puts(out, t->init.value ? ", (const double[]){" : ", NULL");
    for (int64_t i = 0; t->init.value && i < n; i++) {
        buf_puts(out, !i ? "" : i % 8 ? ", " : ",\n      ");
        print_double(out, t->init.value[i]);
    }
    if (t->init.value)
        buf_putc(out, '}');
}

/* One tensor: what it is, its extents, its place; then what only parameters
 * and noise have, if they do. */
static void print_tensor(Buf *out, const CellTensor *t, Arena *a)
{
    static const char *const role[] = {
        "CELL_PARAM", "CELL_INPUT", "CELL_NOISE",  "CELL_STATE", "CELL_OUTPUT",
        "CELL_FINAL", "CELL_LOSS",  "CELL_TERM",   "CELL_COUNT", "CELL_METRIC",
        "CELL_DRAW",  "CELL_GRAD",  "CELL_LENGTH", "CELL_LAST",  "CELL_START",
        "CELL_BATCH", "CELL_TOTAL", "CELL_NEXT",   "CELL_STOP",  "CELL_SKIP",
        "CELL_FRESH", "CELL_PAST"};
    static const char *const axis[] = {" | CELL_T", " | CELL_B", " | CELL_U",
                                       " | CELL_V"};
    Buf axes = {0};
    buf_init(&axes, a);
    for (int i = 0; i < CELL_AXES; i++)
        if (t->axes >> i & 1)
            buf_puts(&axes, axis[i] + (axes.n ? 0 : 3));
    buf_puts(out, "    {");
    print_string(out, t->name);
    buf_printf(out, ", %s, %d, %s, %d, {", role[t->role], t->flags,
               axes.n ? axes.s : "0", t->rank);
    for (int i = 0; i < 4; i++)
        buf_printf(out, "%s%lld", i ? ", " : "", (long long)t->dim[i]);
    buf_printf(out, "}, %lld, ", (long long)t->classes);
    print_string(out, t->set);
    buf_printf(out, ",\n     %d, %d, %d, ", t->lag, t->lead, t->axis);
    print_size(out, t->at);
    buf_printf(out, ", %d, ", t->of);
    print_string(out, t->what);
    buf_puts(out, ",\n     {");
    print_string(out, t->init.kind);
    buf_puts(out, ", ");
    print_double(out, t->init.a);
    buf_puts(out, ", ");
    print_double(out, t->init.b);
    buf_puts(out, ", ");
    print_string(out, t->init.file);
    print_values(out, t);
    buf_puts(out, "}, ");
    print_double(out, t->lo);
    buf_puts(out, ", ");
    print_double(out, t->hi);
    buf_puts(out, ", ");
    print_double(out, t->lr);
    buf_puts(out, ", ");
    print_double(out, t->decay);
    buf_puts(out, ", ");
    print_string(out, t->clip);
    buf_puts(out, "},\n");
}

void emit_desc_text(Emit *e, Buf *out)
{
    const Plan *p = e->p;
    const EmitOptions *o = e->o;
    buf_printf(out, "static const CellTensor tensors[%d] = {\n", p->tensor.n);
    for (int i = 0; i < p->tensor.n; i++)
        print_tensor(out, &p->tensor.v[i], e->arena);
    buf_printf(out, "};\n\nconst CellDesc %s_desc = {\n    CELL_ABI, ",
               o->name);
    print_string(out, o->name);
    buf_printf(out, ", (int)sizeof(%s), %d, {", e->real, p->s->ntime);
    for (int i = 0; i < CELL_TIMES; i++) {
        buf_puts(out, i ? ", " : "");
        print_string(out, i < p->s->ntime ? emit_time_name(p, i) : NULL);
    }
    buf_puts(out, "},\n    {");
    for (int i = 0; i < CELL_TIMES; i++)
        buf_printf(out, "%s%d", i ? ", " : "", sched_like(p->s, i));
    buf_puts(out, "}, {");
    for (int i = 0; i < CELL_TIMES; i++)
        buf_printf(out, "%s%d", i ? ", " : "", sched_rate(p->s, i));
    buf_printf(out, "}, %d, tensors, %lld, ", p->tensor.n,
               (long long)p->param_size);
    print_size(out, p->work_size);
    buf_printf(out, ", %lld,\n    %s_forward_n, ", (long long)p->once, o->name);
    if (p->s->fn[FN_BACKWARD].stage.n)
        buf_printf(out, "%s_backward_n,\n    ", o->name);
    else
        buf_puts(out, "NULL,\n    ");
    print_string(out, o->app ? o->spec : NULL);
    buf_puts(out, ",\n    ");
    print_string(out, o->app ? o->trained : NULL);
    buf_puts(out, ",\n    NULL, NULL};\n");
}
