/* Expressions of the graph as LaTeX: the operators by the templates of ops.def,
 * with parentheses where they are needed; reads of other steps as indices; a
 * cotangent that is read ahead as its expression one step on.  Used by latex.c.
 */
#include <string.h>

#include "latex.h"
#include "ops.h"

enum {
    LINE = 70 /* letters of an equation before it is broken */
};

/* How tightly what was printed holds together. */
typedef enum Level {
    ANY,     /* a condition */
    TERMS,   /* a + b */
    FACTORS, /* a ⊙ b */
    PRODUCT, /* A b, tanh x */
    ATOM     /* x, f(x), x^2 */
} Level;

typedef struct When {
    Step axis[LATEX_AXES];
} When;

typedef struct Term {
    Ref r;
    bool minus;
    When w;
} Term;

typedef VEC(Term) Terms;

static void put(const Latex *x, Buf *out, Ref r, When w, Level need);

static When here(const Latex *x)
{
    When w;
    for (int i = 0; i < LATEX_AXES; i++)
        w.axis[i] = (Step){x->axis[i], 0, 1, 1};
    return w;
}

static void put_symbol(Buf *out, const Symbol *s, int axes, When w)
{
    Buf at;
    buf_init(&at, out->arena);
    buf_puts(&at, "");
    for (int i = 0; i < LATEX_AXES; i++)
        if (axes & cell_time(i))
            buf_printf(&at, "%s%s", at.n ? "," : "",
                       latex_step(out->arena, w.axis[i]));
    latex_symbol(out, s, at.s);
}

/* The end of an axis: T where there is one axis alone. */
static const char *end_text(const Latex *x, int i)
{
    return x->naxes > 1 ? arena_printf(x->arena, "T_{%s}", x->axis[i]) : "T";
}

static Level level_of(const Latex *x, Ref r)
{
    switch (NODE(x->g, r)->op) {
    case OP_and:
    case OP_or:
    case OP_lt:
        return ANY;
    case OP_add:
    case OP_sub:
    case OP_neg:
    case OP_fma:
    case OP_expm1:
        return TERMS;
    case OP_mul:
    case OP_div:
    case OP_mod:
    case OP_dtanh:
    case OP_dsigmoid:
        return FACTORS;
    case OP_SUM:
    case OP_SUMA:
    case OP_EVERY: /* where it is a sum, else it is not asked for */
    case OP_OUTER: /* a sum where it stands for one */
        return TERMS;
    case OP_MATVEC:
    case OP_MATMUL:
    case OP_tanh:
    case OP_log:
    case OP_log1p:
    case OP_sin:
    case OP_cos:
    case OP_LSE:
    case OP_MAXV:
    case OP_MINV:
    case OP_ARGMAX:
    case OP_PLACE:
    case OP_SCATTER:
        return PRODUCT;
    case OP_not:
        return ANY;
    default:
        return ATOM;
    }
}

/* What an operand must be at a place of a template: whatever it is between
 * delimiters. */
static Level need_at(Op op, const char *all, const char *at, int operand)
{
    char before = at > all ? at[-1] : ' ';
    if (before == '(' || before == '{' || before == '|' || *all == '[' ||
        !strncmp(all, "\\max(", 5) || !strncmp(all, "\\min(", 5) ||
        !strncmp(all, "\\lfloor", 7))
        return ANY;
    switch (op) {
    case OP_add:
        return TERMS;
    case OP_sub:
        return operand ? FACTORS : TERMS;
    case OP_neg:
    case OP_mul:
    case OP_fma:
    case OP_expm1:
        return FACTORS;
    case OP_div:
        return operand ? ATOM : FACTORS;
    case OP_dtanh:
    case OP_dsigmoid:
        return operand || at > all ? ATOM : FACTORS;
    case OP_and:
    case OP_or:
        return TERMS;
    default:
        return ATOM;
    }
}

/* In front of an exponent or index: the operand may have one.  A group of one
 * accented letter would hand its exponent on; {} in it keeps it. */
static void put_braced(const Latex *x, Buf *out, Ref r, When w, Level need)
{
    Buf one;
    buf_init(&one, x->arena);
    put(x, &one, r, w, need);
    buf_printf(out, one.s[0] == '\\' ? "{{}%s}" : "{%s}", one.s);
}

/* The row's template with the operands put in. */
static void put_template(const Latex *x, Buf *out, Ref r, When w)
{
    const Node *n = NODE(x->g, r);
    const char *all = op_row[n->op].latex;
    for (const char *p = all; *p; p++) {
        bool hole = p[0] == '{' && p[1] >= 'a' && p[1] <= 'c' && p[2] == '}';
        if (!hole) {
            buf_putc(out, *p);
            continue;
        }
        int k = p[1] - 'a';
        Level need = need_at((Op)n->op, all, p, k);
        if (k < n->nin && (p[3] == '^' || p[3] == '_'))
            put_braced(x, out, IN(x->g, r, k), w, need);
        else if (k < n->nin)
            put(x, out, IN(x->g, r, k), w, need);
        p += 2;
    }
}

static void put_number(Buf *out, double v)
{
    Buf b;
    buf_init(&b, out->arena);
    buf_num(&b, v);
    if (strlen(b.s) > 9) { /* six digits will do */
        b.n = 0;
        buf_num(&b, num_read(b.arena, arena_printf(b.arena, "%.6g", v),
                             strlen(arena_printf(b.arena, "%.6g", v))));
    }
    const char *e = strchr(b.s, 'e');
    if (e)
        buf_printf(out, "%.*s\\cdot 10^{%s}", (int)(e - b.s), b.s,
                   e + 1 + (e[1] == '+'));
    else
        buf_puts(out, !strcmp(b.s, "inf") ? "\\infty" : b.s);
}

static bool is_scalar(const Latex *x, Ref r)
{
    const Node *n = NODE(x->g, r);
    bool all = OP_IS_EW(n->op);
    for (int i = 0; i < n->nin && all; i++)
        all = is_scalar(x, IN(x->g, r, i));
    return all || n->op == OP_EXPAND || !SHAPE(x->g, n->shape)->rank;
}

/* Ones and zeros of a shape print as the number. */
static bool is_number(const Latex *x, Ref r, double v)
{
    if (NODE(x->g, r)->op == OP_EXPAND)
        r = IN(x->g, r, 0);
    return graph_is_const(x->g, r, v);
}

static bool is_numeral(const Latex *x, Ref r)
{
    if (NODE(x->g, r)->op == OP_EXPAND)
        r = IN(x->g, r, 0);
    return NODE(x->g, r)->op == OP_CONST;
}

static void put_mul(const Latex *x, Buf *out, Ref r, When w)
{
    Ref a = IN(x->g, r, 0), b = IN(x->g, r, 1);
    if (a == b) {
        put_braced(x, out, a, w, ATOM);
        buf_puts(out, "^2");
        return;
    }
    if (is_scalar(x, b) && !is_scalar(x, a)) {
        Ref c = a;
        a = b;
        b = c;
    }
    put(x, out, a, w, FACTORS);
    buf_puts(out, !is_scalar(x, a)   ? " \\odot "
                  : is_numeral(x, b) ? " \\cdot "
                                     : "\\, ");
    put(x, out, b, w, FACTORS);
}

static bool is_sum(const Latex *x, Ref r)
{
    Op op = (Op)NODE(x->g, r)->op;
    return !x->node[r].base &&
           (op == OP_SUM || op == OP_SUMA || op == OP_OUTER);
}

/* What r divides, and by what: a / b / c is one fraction. */
typedef VEC(Ref) Refs;

static Ref numerator(const Latex *x, Ref r, Refs *below)
{
    Ref top = r;
    while (NODE(x->g, r)->op == OP_div && (r == top || !x->node[r].base)) {
        vec_push(x->arena, below, IN(x->g, r, 1));
        r = IN(x->g, r, 0);
    }
    if (NODE(x->g, r)->op != OP_recip || (r != top && x->node[r].base))
        return r;
    vec_push(x->arena, below, IN(x->g, r, 0));
    return 0;
}

static void put_div(const Latex *x, Buf *out, Ref r, When w)
{
    Refs below = {0};
    Ref over = numerator(x, r, &below);
    bool sum = over && is_sum(x, over);
    buf_puts(out, "\\frac{");
    if (over && !sum)
        put(x, out, over, w, ANY);
    else
        buf_puts(out, "1");
    buf_puts(out, "}{");
    for (int i = below.n - 1; i >= 0; i--) {
        put(x, out, below.v[i], w, below.n > 1 ? FACTORS : ANY);
        buf_puts(out, i ? "\\, " : "}");
    }
    if (sum) {
        buf_puts(out, " ");
        put(x, out, over, w, ANY);
    }
}

/* Printed in brackets of its own. */
static bool is_relation(const Latex *x, Ref r)
{
    return !x->node[r].base && op_row[NODE(x->g, r)->op].latex[0] == '[' &&
           NODE(x->g, r)->nin == 2;
}

static void put_select(const Latex *x, Buf *out, Ref r, When w)
{
    Ref c = IN(x->g, r, 0), a = IN(x->g, r, 1), b = IN(x->g, r, 2);
    if (is_number(x, b, 0) || is_number(x, a, 0)) {
        bool other = is_number(x, a, 0) && !is_number(x, b, 0);
        bool bare = other || !is_relation(x, c);
        buf_puts(out, other ? "[\\neg " : bare ? "[" : "");
        put(x, out, c, w, other ? ATOM : ANY);
        buf_puts(out, bare ? "]\\, " : "\\, ");
        put(x, out, other ? b : a, w, PRODUCT);
        return;
    }
    buf_puts(out, "\\begin{cases} ");
    put(x, out, a, w, ANY);
    buf_puts(out, " & ");
    put(x, out, c, w, ANY);
    buf_puts(out, " \\\\ ");
    put(x, out, b, w, ANY);
    buf_puts(out, " & \\text{else} \\end{cases}");
}

/* Sums of sums need no parentheses, nor a fraction of one. */
static bool is_chain(const Latex *x, Ref r)
{
    Refs below = {0};
    Ref over = numerator(x, r, &below);
    return is_sum(x, over ? over : r);
}

static void put_sums(const Latex *x, Buf *out, int axes, When *w)
{
    if (axes & CELL_B)
        buf_puts(out, "\\sum_{b} ");
    for (int i = 0; i < LATEX_AXES; i++)
        if (axes & cell_time(i)) {
            buf_printf(out, "\\sum_{%s} ", x->axis[i]);
            w->axis[i] = (Step){x->axis[i], 0, 1, 1};
        }
}

static void put_factor(const Latex *x, Buf *out, Ref r, When w, bool transposed)
{
    if (!transposed) {
        put(x, out, r, w, PRODUCT);
        return;
    }
    put_braced(x, out, r, w, ATOM);
    buf_puts(out, "^\\top");
}

static void put_product(const Latex *x, Buf *out, Ref r, When w)
{
    const Node *n = NODE(x->g, r);
    Ref a = IN(x->g, r, 0), b = IN(x->g, r, 1);
    bool outer = n->op == OP_OUTER;
    if (outer)
        put_sums(x, out, (NODE(x->g, a)->axes | NODE(x->g, b)->axes) & ~n->axes,
                 &w);
    put_factor(x, out, a, w, !outer && n->a);
    buf_puts(out, " ");
    put_factor(x, out, b, w, outer || (n->op == OP_MATMUL && n->b));
}

static void put_list(const Latex *x, Buf *out, Ref r, When w, const char *name)
{
    buf_printf(out, "%s", name);
    for (int i = 0; i < NODE(x->g, r)->nin; i++) {
        buf_puts(out, i ? ",\\, " : "");
        put(x, out, IN(x->g, r, i), w, ANY);
    }
}

static void put_slot(const Latex *x, Buf *out, Ref r, When w)
{
    const Node *n = NODE(x->g, r);
    const Slot *s = SLOT(x->g, n->a);
    Step *along = &w.axis[s->axis];
    if (n->op == OP_AT)
        *along = (Step){n->num != 0 ? end_text(x, s->axis) : "", n->b, 1, 1};
    else
        latex_step_on(along, n->b);
    if (s->kind == SLOT_COT)
        put(x, out, s->root, w, FACTORS);
    else
        put_symbol(out, &x->slot[n->a],
                   n->op == OP_AT ? s->axes | slot_bit(s) : s->axes, w);
}

/* Rows of E at an index; one in place of an index. */
static void put_lookup(const Latex *x, Buf *out, Ref r, When w)
{
    const Node *n = NODE(x->g, r);
    Ref a = IN(x->g, r, 0), b = IN(x->g, r, 1);
    if (n->op == OP_GATHER || n->op == OP_PICK) {
        put(x, out, a, w, ATOM);
        buf_puts(out, "[");
        put(x, out, b, w, ANY);
        buf_puts(out, "]");
        return;
    }
    if (n->op == OP_SCATTER)
        put_sums(x, out, NODE(x->g, a)->axes, &w);
    buf_puts(out, "\\mathbf{1}[");
    put(x, out, b, w, ANY);
    buf_puts(out, "]\\, ");
    put_factor(x, out, a, w, n->op == OP_SCATTER);
}

/* Whether r is its operand read along another axis, and then where. */
static bool moves(const Latex *x, Ref r, When *w)
{
    const Node *n = NODE(x->g, r);
    if (n->op == OP_ALONG)
        w->axis[n->a] = w->axis[n->b];
    if (n->op != OP_EVERY && n->op != OP_HOLD)
        return n->op == OP_ALONG;
    const TimeAxis *axis = &x->g->time.v[n->a];
    Step *fast = &w->axis[axis->like], *slow = &w->axis[n->a];
    if (n->op == OP_HOLD)
        *slow = latex_slower(*fast, axis->rate, n->b);
    else
        *fast = latex_faster(x->arena, *slow, axis->rate, -n->b,
                             n->num > 1 ? latex_summed(*slow) : "");
    return n->op == OP_HOLD || n->num == 1;
}

static void put_structural(const Latex *x, Buf *out, Ref r, When w)
{
    const Node *n = NODE(x->g, r);
    switch (n->op) {
    case OP_CONST:
        put_number(out, n->num);
        return;
    case OP_TABLE:
        buf_printf(out, "\\mathit{%s}", x->g->table.v[n->a].name);
        return;
    case OP_PARAM:
        put_symbol(out, &x->slot[n->a], 0, w);
        return;
    case OP_READ:
    case OP_AT:
        put_slot(x, out, r, w);
        return;
    case OP_TIME:
        buf_puts(out, latex_step(out->arena, w.axis[n->a]));
        return;
    case OP_LEN:
        buf_puts(out, end_text(x, n->a));
        return;
    case OP_OWN:
    case OP_EXPAND:
    case OP_RESHAPE:
        put(x, out, IN(x->g, r, 0), w, ATOM);
        return;
    case OP_MATVEC:
    case OP_MATMUL:
    case OP_OUTER:
        put_product(x, out, r, w);
        return;
    case OP_GATHER:
    case OP_PICK:
    case OP_PLACE:
    case OP_SCATTER:
        put_lookup(x, out, r, w);
        return;
    case OP_ALONG:
    case OP_HOLD:
    case OP_EVERY:
        if (n->op == OP_EVERY && n->num > 1)
            buf_printf(out, "\\sum_{%s=0}^{%.0f} ",
                       latex_summed(w.axis[n->a]) + 1, n->num - 1);
        moves(x, r, &w);
        put(x, out, IN(x->g, r, 0), w,
            is_chain(x, IN(x->g, r, 0)) ? ANY : FACTORS);
        return;
    case OP_CONCAT:
        put_list(x, out, r, w, "[");
        buf_puts(out, "]");
        return;
    case OP_SLICE:
        put(x, out, IN(x->g, r, 0), w, ATOM);
        if (n->b == n->a + 1)
            buf_printf(out, "[%d]", n->b);
        else
            buf_printf(out, "[%d{:}%d]", n->a + 1, n->b);
        return;
    case OP_SUM:
    case OP_SUMA:
        if (n->op == OP_SUM)
            buf_puts(out, "\\sum ");
        else
            put_sums(x, out, n->a, &w);
        put(x, out, IN(x->g, r, 0), w,
            is_chain(x, IN(x->g, r, 0)) ? ANY : FACTORS);
        return;
    default:
        break;
    }
    if (*op_row[n->op].latex) {
        put_template(x, out, r, w);
        return;
    }
    put_list(x, out, r, w,
             arena_printf(x->arena, "\\operatorname{%s}(", op_row[n->op].name));
    buf_puts(out, ")");
}

static void put_body(const Latex *x, Buf *out, Ref r, When w)
{
    switch (NODE(x->g, r)->op) {
    case OP_mul:
        put_mul(x, out, r, w);
        break;
    case OP_div:
    case OP_recip:
        put_div(x, out, r, w);
        break;
    case OP_select:
        put_select(x, out, r, w);
        break;
    case OP_stopgrad:
        put(x, out, IN(x->g, r, 0), w, ATOM);
        break;
    case OP_CALL:
        put_list(x, out, r, w,
                 arena_printf(x->arena, "\\operatorname{%s}(",
                              x->g->call.v[NODE(x->g, r)->a].wide));
        buf_puts(out, ")");
        break;
    default:
        if (OP_IS_EW(NODE(x->g, r)->op))
            put_template(x, out, r, w);
        else
            put_structural(x, out, r, w);
    }
}

/* x + x is 2 x; so a sum of one term is a product. */
static bool is_double(const Latex *x, Ref r)
{
    return NODE(x->g, r)->op == OP_add && IN(x->g, r, 0) == IN(x->g, r, 1);
}

static void put_double(const Latex *x, Buf *out, Ref r, When w)
{
    buf_puts(out, "2\\, ");
    put(x, out, IN(x->g, r, 0), w, FACTORS);
}

static void put(const Latex *x, Buf *out, Ref r, When w, Level need)
{
    const Node *n = NODE(x->g, r);
    if (x->node[r].base) {
        put_symbol(out, &x->node[r], n->axes, w);
        return;
    }
    if (is_double(x, r)) {
        put_double(x, out, r, w);
        return;
    }
    if (n->op == OP_READ || n->op == OP_AT) { /* parenthesised behind it */
        const Slot *s = SLOT(x->g, n->a);
        bool many = s->kind == SLOT_COT && !x->node[s->root].base &&
                    level_of(x, s->root) < need;
        buf_puts(out, many ? "(" : "");
        put_body(x, out, r, w);
        buf_puts(out, many ? ")" : "");
        return;
    }
    if (n->op == OP_EXPAND || n->op == OP_RESHAPE || n->op == OP_OWN ||
        n->op == OP_stopgrad) {
        put(x, out, IN(x->g, r, 0), w, need);
        return;
    }
    When there = w;
    if (moves(x, r, &there)) {
        put(x, out, IN(x->g, r, 0), there, need);
        return;
    }
    bool few = (n->op == OP_div || n->op == OP_recip) && !is_chain(x, r);
    bool paren = !few && level_of(x, r) < need;
    buf_puts(out, paren ? "(" : "");
    put_body(x, out, r, w);
    buf_puts(out, paren ? ")" : "");
}

/* ---- equations ---- */

static void gather_terms(const Latex *x, Term t, bool top, Terms *to)
{
    const Node *n = NODE(x->g, t.r);
    bool open = top || !x->node[t.r].base;
    const Slot *s = n->op == OP_READ ? SLOT(x->g, n->a) : NULL;
    if (open && s && s->kind == SLOT_COT) {
        latex_step_on(&t.w.axis[s->axis], n->b);
        t.r = s->root;
        gather_terms(x, t, false, to);
        return;
    }
    bool sum = n->op == OP_add || n->op == OP_sub || n->op == OP_neg;
    if (!open || !sum || is_double(x, t.r)) {
        vec_push(x->arena, to, t);
        return;
    }
    Term part = {IN(x->g, t.r, 0), n->op == OP_neg ? !t.minus : t.minus, t.w};
    gather_terms(x, part, false, to);
    part.minus = n->op == OP_sub ? !t.minus : t.minus;
    part.r = n->nin == 2 ? IN(x->g, t.r, 1) : 0;
    if (part.r)
        gather_terms(x, part, false, to);
}

/* Roughly how many letters it prints. */
static int width_of(const char *s)
{
    int n = 0;
    for (; *s; s++) {
        if (*s == '\\') {
            while ((s[1] >= 'a' && s[1] <= 'z') || (s[1] >= 'A' && s[1] <= 'Z'))
                s++;
            n++;
        } else if (!strchr("{}^_ ", *s)) {
            n++;
        }
    }
    return n;
}

void latex_definition(const Latex *x, Buf *out, Ref r)
{
    Terms terms = {0};
    const Term all = {r, false, here(x)};
    int at = 0;
    gather_terms(x, all, true, &terms);
    for (int i = 0; i < terms.n; i++) {
        const Term *t = &terms.v[i];
        Buf one;
        buf_init(&one, x->arena);
        if (terms.n == 1 && t->r == r && is_double(x, r))
            put_double(x, &one, r, t->w);
        else if (terms.n == 1 && t->r == r)
            put_body(x, &one, r, t->w);
        else
            put(x, &one, t->r, t->w, t->minus ? FACTORS : TERMS);
        int width = width_of(one.s);
        if (i && at + width > LINE) {
            buf_puts(out, " \\\\\n    &\\qquad {}");
            at = 8;
        }
        buf_puts(out, t->minus ? " - " : i ? " + " : "");
        buf_puts(out, one.s);
        at += width + 2;
    }
}

void latex_left(const Latex *x, Buf *out, const Symbol *s, int axes)
{
    put_symbol(out, s, axes, here(x));
}
