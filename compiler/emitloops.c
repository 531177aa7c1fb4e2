/* The style for gcc and clang: a fused cluster becomes one loop over rows and
 * one over the reals of a row, with the expressions of the equations inside,
 * as one would write it by hand. */
#include "emit.h"

#include <math.h>
#include <string.h>

#include "ops.h"

/* Operations that one statement may hold; more go to locals. */
enum { MOST_OPS = 8 };

/* How an operand is written. */
typedef struct ExprText {
    const char *text;
    int prec;
    int ops; /* operations in it */
} ExprText;

typedef VEC(const char *) Lines;

typedef struct Loops {
    Emit *e;
    const Kernel *k;
    EmitRows rows;
    ExprText *done;      /* per Inst: how its users write it */
    const char **kept;   /* per Inst: how those in later loops do, or NULL */
    int *uses;           /* per Inst: how often they do */
    bool *wide;          /* per Inst: varies along the row */
    int *pass;           /* per Inst: which loop over the reals of a row */
    int passes;          /* how many such loops there are */
    unsigned named_rows; /* bit per set of axes: tb, utb ... is used */
    Lines row;           /* statements once per row */
    Lines *col;          /* per pass: once per real */
} Loops;

/* ---- operands ---- */

/* The number of the row of a value over `axes` that belongs to the current
 * row: t*B + row, (u*T + t)*B + row. */
static const char *row_number(Loops *f, int axes)
{
    Arena *a = f->e->arena;
    const char *text = NULL;
    for (int i = CELL_AXES - 1; i >= 0; i--) {
        int axis = emit_inner_first[i];
        const char *var = emit_variable(axis);
        if (axes & f->rows.step & axis)
            text = text ? arena_printf(a, "(%s*%s + %s)", text,
                                       emit_extent(axis), var)
                        : var;
    }
    int flat = axes & f->rows.flat;
    return flat ? arena_printf(a, "%s*%s + row", text, rows_text(flat)) : text;
}

/* tb, utb: the name of that number. */
static const char *row_name(Loops *f, int axes)
{
    return arena_printf(f->e->arena, "%s%s%s%s", axes & CELL_V ? "v" : "",
                        axes & CELL_U ? "u" : "", axes & CELL_T ? "t" : "",
                        axes & CELL_B ? "b" : "");
}

/* Whether the rows of a value lie without gaps, in the order of its axes. */
static bool regular(const Loops *f, const Loc *l)
{
    int inner = 0;
    for (int i = 0; i < CELL_AXES; i++) {
        int axis = emit_inner_first[i];
        if (!(l->axes & axis))
            continue;
        if (f->rows.step & axis && !emit_regular(l, inner, axis))
            return false;
        inner |= axis;
    }
    return true;
}

/* The row of a value that belongs to the current row of the loop: in loops in
 * time that of their step, which gets a name if it is used along the row. */
static const char *row_index(Loops *f, const Loc *l, int64_t ld)
{
    if (!(l->axes & f->rows.step))
        return "row";
    const char *number = row_number(f, l->axes);
    if (!strpbrk(number, "+*"))
        return number;
    if (f->k->n == 1)
        return ld == 1 ? number : arena_printf(f->e->arena, "(%s)", number);
    f->named_rows |= 1u << l->axes;
    return row_name(f, l->axes);
}

/* The same in reals, for rows with gaps. */
static const char *row_offset(Loops *f, Val v, int64_t ld)
{
    Emit *e = f->e;
    Buf b;
    buf_init(&b, e->arena);
    for (int i = CELL_AXES - 1; i >= 0; i--) {
        int axis = emit_inner_first[i];
        if (e->p->loc[v].axes & f->rows.step & axis)
            buf_printf(&b, "%s%s*%s", b.n ? " + " : "", emit_index(e, v, axis),
                       emit_step(e, v, axis));
    }
    if (ld)
        buf_printf(&b, ld == 1 ? "%srow" : "%srow*%s", b.n ? " + " : "",
                   emit_size(e, ld));
    return b.s;
}

/* The place of an element in its row; of a matrix beside which vectors are
 * spread in its line. */
static const char *column(const Loops *f, const Loc *l)
{
    if (!f->k->k || l->spread == SPREAD_COLUMNS)
        return "j";
    if (l->spread == SPREAD_LINES)
        return "line";
    return arena_printf(f->e->arena, "line*%s + j", emit_size(f->e, f->k->k));
}

/* [..] of the element of `v` that belongs to the current row and column. */
static const char *element(Loops *f, Val v)
{
    Emit *e = f->e;
    const Loc *l = &e->p->loc[v];
    int64_t ld = emit_stride(e, v, f->rows);
    Buf b;
    buf_init(&b, e->arena);
    buf_printf(&b, "%s[", emit_value_name(e, v));
    size_t start = b.n;
    bool steps = l->axes & f->rows.step;
    if (steps && (emit_own_steps(l) || !regular(f, l))) {
        buf_puts(&b, row_offset(f, v, f->rows.flat ? ld : 0));
    } else if (steps || (ld && (f->rows.flat || f->k->m > 1))) {
        ld = ld ? ld : l->ld;
        buf_puts(&b, row_index(f, l, ld));
        if (ld != 1)
            buf_printf(&b, "*%s", emit_size(e, ld));
    }
    if (l->n > 1)
        buf_printf(&b, "%s%s", b.n > start ? " + " : "", column(f, l));
    else if (b.n == start)
        buf_putc(&b, '0');
    buf_putc(&b, ']');
    return b.s;
}

static ExprText input_text(Loops *f, Val v)
{
    Emit *e = f->e;
    const Loc *l = &e->p->loc[v];
    ExprText x = {NULL, PREC_ATOM, 0};
    if (l->space == SP_CONST) {
        x.text = emit_real(e, l->num);
        x.prec = *x.text == '-' ? PREC_UNARY : PREC_ATOM;
    } else if (l->space == SP_TIME) {
        x.text = emit_time_number(e, l->axes & GX_TIME);
        x.prec = PREC_UNARY;
    } else {
        x.text = element(f, v);
    }
    return x;
}

static bool is_wide(const Loops *f, int in)
{
    if (in >= 0)
        return f->wide[in];
    return f->k->n > 1 && f->e->p->loc[f->k->in.v[~in]].n > 1;
}

/* A whole number beside + - * / reads better as one: 1 - z, 2*x. */
static const char *short_number(Loops *f, const Inst *in, int i, int *prec)
{
    if (in->op != OP_add && in->op != OP_sub && in->op != OP_mul &&
        in->op != OP_div)
        return NULL;
    Val v = in->in[i] < 0 ? f->k->in.v[~in->in[i]] : -1;
    int other = in->in[!i];
    if (v < 0 || f->e->p->loc[v].space != SP_CONST ||
        (other < 0 && f->e->p->loc[f->k->in.v[~other]].space == SP_CONST))
        return NULL;
    double x = f->e->p->loc[v].num;
    if (x != floor(x) || fabs(x) >= 1 << 24 || (x == 0 && signbit(x)))
        return NULL;
    *prec = x < 0 ? PREC_UNARY : PREC_ATOM;
    return arena_printf(f->e->arena, "%.0f", x);
}

/* ---- statements ---- */

static ExprText operand(Loops *f, const Inst *in, int i)
{
    int from = in->in[i], pass = f->pass[in - f->k->inst.v];
    ExprText x = from < 0 ? input_text(f, f->k->in.v[~from]) : f->done[from];
    if (from >= 0 && f->wide[from] && f->pass[from] < pass)
        x = (ExprText){f->kept[from], PREC_ATOM, 0};
    const char *number = short_number(f, in, i, &x.prec);
    if (number)
        x.text = number;
    return x;
}

static ExprText inst_text(Loops *f, const Inst *in)
{
    const char *arg[3] = {0};
    int prec[3] = {0};
    ExprText y = {NULL, 0, 1};
    for (int i = 0; i < in->nin; i++) {
        ExprText x = operand(f, in, i);
        arg[i] = x.text;
        prec[i] = x.prec;
        y.ops += x.ops;
    }
    if (in->op == OP_CALL) {
        y.text = emit_call(f->e, NODE(f->e->g, in->node)->a, arg);
        y.prec = *y.text == '(' ? PREC_UNARY : PREC_ATOM;
        return y;
    }
    y.text = emit_expr(f->e, in->op, arg, prec, &y.prec);
    return y;
}

/* The outermost parentheses mean nothing after an equals sign. */
static const char *bare(Emit *e, const char *text)
{
    size_t n = strlen(text);
    int depth = 0;
    if (*text != '(' || text[n - 1] != ')')
        return text;
    for (size_t i = 0; i + 1 < n; i++) {
        depth += (text[i] == '(') - (text[i] == ')');
        if (!depth)
            return text;
    }
    return arena_strndup(e->arena, text + 1, n - 2);
}

/* What the value of an instruction is called in the source, or by its
 * operator. */
static const char *local_name(Loops *f, const Inst *in)
{
    const Graph *g = f->e->g;
    for (int i = 0; in->node && i < g->slot.n; i++)
        if (SLOT(g, i)->root == in->node)
            return arena_printf(f->e->arena, "%s_t",
                                emit_identifier(f->e->arena, SLOT(g, i)->name));
    return "u";
}

static void state(Loops *f, bool wide, int pass, const char *text)
{
    if (wide || f->k->n == 1)
        vec_push(f->e->arena, &f->col[pass], text);
    else
        vec_push(f->e->arena, &f->row, text);
}

/* Whether a later loop over the row needs the result of instruction i. */
static bool crosses(const Loops *f, int i)
{
    bool found = false;
    for (int u = i + 1; u < f->k->inst.n && f->wide[i]; u++)
        for (int j = 0; j < f->k->inst.v[u].nin; j++)
            found |= f->k->inst.v[u].in[j] == i && f->pass[u] > f->pass[i];
    return found;
}

/* A row for what crosses and is not stored. */
static const char *row_of(Loops *f)
{
    Emit *e = f->e;
    const char *name = emit_local(e, "u_row");
    int64_t n = f->k->k ? f->k->k : f->k->n;
    state(f, false, 0,
          arena_printf(e->arena, "%s %s[%s];", e->real, name, emit_size(e, n)));
    return arena_printf(e->arena, "%s[j]", name);
}

/* Stores, names or inlines the result of instruction i. */
static void do_inst(Loops *f, int i)
{
    Emit *e = f->e;
    const Inst *in = &f->k->inst.v[i];
    ExprText y = inst_text(f, in);
    bool stored = in->out >= 0;
    bool spread = stored && e->p->loc[in->out].n > 1 && f->k->n > 1;
    bool later = crosses(f, i);
    bool inlined = f->uses[i] == 1 && !stored && !later && y.ops <= MOST_OPS;
    if (inlined || (!stored && !f->uses[i])) {
        f->done[i] = y;
        return;
    }
    const char *value = bare(e, y.text);
    if (f->uses[i]) {
        const char *name = emit_local(e, local_name(f, in));
        state(
            f, f->wide[i], f->pass[i],
            arena_printf(e->arena, "const %s %s = %s;", e->real, name, value));
        f->done[i] = (ExprText){name, PREC_ATOM, 0};
        value = name;
    }
    if (!stored && !later)
        return;
    f->kept[i] = stored ? element(f, in->out) : row_of(f);
    state(f, f->wide[i] || spread, f->pass[i],
          arena_printf(e->arena, "%s = %s;", f->kept[i], value));
}

/* A value of the row that is used at every real of it is computed before. */
static void count_uses(Loops *f)
{
    const Kernel *k = f->k;
    for (int i = 0; i < k->inst.n; i++) {
        const Inst *in = &k->inst.v[i];
        for (int j = 0; j < in->nin; j++)
            f->wide[i] |= is_wide(f, in->in[j]);
        for (int j = 0; j < in->nin; j++)
            if (in->in[j] >= 0)
                f->uses[in->in[j]] += f->wide[i] && !f->wide[in->in[j]]
                                          ? 2
                                          : emit_expr_uses(in->op, j);
    }
}

static void print_block(Emit *e, const char *const *line, int n)
{
    for (int i = 0; i < n; i++)
        emit_line(e, "%s", line[i]);
}

/* `head` over some lines, in braces only where they are needed. */
static bool open_loop(Emit *e, const char *head, bool braces)
{
    if (braces) {
        emit_open(e, "%s", head);
    } else {
        emit_line(e, "%s", head);
        e->indent++;
    }
    return braces;
}

static void close_loop(Emit *e, bool braces)
{
    if (braces)
        emit_close(e);
    else
        e->indent--;
}

/* A loop over the n reals of a row, or none for one. */
static void print_reals(Loops *f, const Lines *l, int64_t n)
{
    Emit *e = f->e;
    bool inner = false;
    if (f->k->n > 1) {
        emit_line(e, "INDEPENDENT");
        e->independent = true;
        inner =
            open_loop(e,
                      arena_printf(e->arena, "for (int64_t j = 0; j < %s; j++)",
                                   emit_size(e, n)),
                      l->n > 1);
    }
    print_block(e, l->v, l->n);
    if (f->k->n > 1)
        close_loop(e, inner);
}

static void print_loops(Loops *f)
{
    Emit *e = f->e;
    bool rows = f->rows.flat || f->k->m > 1, columns = f->k->n > 1;
    bool outer = false;
    int reals = 0;
    for (int i = 0; i < f->passes; i++)
        reals += f->col[i].n;
    /* Without a loop around them, locals need a block of their own. */
    bool block = !rows && e->block.n && (f->row.n || !columns);
    if (block) {
        emit_line(e, "{");
        e->indent++;
    }
    if (rows)
        outer = open_loop(e,
                          arena_printf(e->arena,
                                       "for (int64_t row = 0; row < %s; row++)",
                                       emit_row_count(e, f->k, f->rows)),
                          columns || f->row.n + reals > 1);
    for (int a = 1; a < 1 << CELL_AXES; a++)
        if (f->named_rows >> a & 1)
            emit_line(e, "const int64_t %s = %s;", row_name(f, a),
                      row_number(f, a));
    print_block(e, f->row.v, f->row.n);
    bool lines = columns && reals && f->k->k;
    if (lines)
        emit_open(e, "for (int64_t line = 0; line < %s; line++)",
                  emit_size(e, f->k->n / f->k->k));
    for (int i = 0; i < f->passes; i++)
        if (f->col[i].n)
            print_reals(f, &f->col[i], lines ? f->k->k : f->k->n);
    if (lines)
        emit_close(e);
    if (rows)
        close_loop(e, outer);
    if (block)
        emit_close(e);
}

static Loops begin(Emit *e, const Kernel *k, EmitRows rows)
{
    Loops f = {.e = e, .k = k, .rows = rows, .passes = 1};
    f.col = NEW(e->arena, Lines);
    return f;
}

static void loops_fused(Emit *e, const Kernel *k, EmitRows rows)
{
    Loops f = begin(e, k, rows);
    f.done = NEW_N(e->arena, ExprText, k->inst.n);
    f.kept = NEW_N(e->arena, const char *, k->inst.n);
    f.uses = NEW_N(e->arena, int, k->inst.n);
    f.wide = NEW_N(e->arena, bool, k->inst.n);
    f.pass = NEW_N(e->arena, int, k->inst.n);
    e->block.n = 0;
    count_uses(&f);
    if (e->style->splits) {
        f.passes = emit_split(e, k, f.wide, f.pass);
        f.col = NEW_N(e->arena, Lines, f.passes);
    }
    for (int i = 0; i < k->inst.n; i++)
        do_inst(&f, i);
    print_loops(&f);
}

static void loops_copy(Emit *e, const Kernel *k, EmitRows rows)
{
    Loops f = begin(e, k, rows);
    state(&f, true, 0,
          arena_printf(e->arena, "%s = %s;", element(&f, k->out),
                       input_text(&f, k->in.v[0]).text));
    print_loops(&f);
}

static void loops_transpose(Emit *e, const Kernel *k)
{
    emit_line(e, "%s(%s, %s, %s, %s, %s, %s);",
              emit_kernel_name(e, "transpose"), emit_size(e, k->n),
              emit_size(e, k->m), emit_value_name(e, k->in.v[0]),
              emit_size(e, e->p->loc[k->in.v[0]].ld),
              emit_value_name(e, k->out), emit_size(e, e->p->loc[k->out].ld));
}

static const char *loops_call(Emit *e, const char *kernel)
{
    (void)e;
    return kernel;
}

/* What a function of the common type does not look at. */
static void loops_locals(Emit *e, Buf *out)
{
    static const char *const name[] = {"params", "grads", "work"};
    static const Space space[] = {SP_PARAM, SP_GRAD, SP_WORK};
    for (int i = 0; i < 3; i++) {
        bool used = false;
        for (Val v = 0; v < e->s->val.n; v++)
            used |= e->name[v] && e->p->loc[v].space == space[i];
        if (!used)
            buf_printf(out, "    (void)%s;\n", name[i]);
    }
}

const EmitStyle emit_loops_style = {
    .call = loops_call,
    .fused = loops_fused,
    .copy = loops_copy,
    .transpose = loops_transpose,
    .locals = loops_locals,
    .comments = true,
};

void emit_loops_file(Emit *e, Buf *out, const char *includes)
{
    const char *fn[FN_COUNT];
    for (int i = 0; i < FN_COUNT; i++)
        fn[i] = emit_function(e, i);
    buf_puts(out, includes);
    emit_call_headers(e->g, out);
    if (e->style->head)
        e->style->head(e, out);
    emit_paste(e, out);
    emit_own_sweeps(e, out);
    if (e->o->nsize)
        buf_puts(out, "/* Sizes that the model names. */\nenum {\n");
    for (int i = 0; i < e->o->nsize; i++)
        buf_printf(out, "    %s = %lld%s\n", e->size[i],
                   (long long)e->o->size[i].value,
                   i + 1 < e->o->nsize ? "," : "\n};\n");
    emit_tables(e, out);
    for (int i = 0; i < FN_COUNT; i++)
        buf_printf(out, "%s%s", i && *fn[i] ? "\n" : "", emit_wrap(e, fn[i]));
}

const char *emit_loops(const Plan *p, const EmitOptions *o, Arena *a)
{
    Emit e;
    emit_init(&e, p, o, a, &emit_loops_style);
    Buf out;
    buf_init(&out, a);
    emit_loops_file(&e, &out, "#include <math.h>\n#include <stdint.h>\n");
    emit_entries(&e, &out, "");
    return out.s;
}
