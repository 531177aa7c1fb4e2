/* Every row of ops.def and rules.def: a derivative text is the slope of its
 * operator by central differences, the two sides of a rule are equal at random
 * points and have one shape.  The texts are evaluated here, as trees, with
 * nothing of the compiler but op_scalar.  The structural operators' adjoints
 * are checked on small graphs in tests/c. */
#include "graph.h"
#include "ops.h"
#include "template.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH 3 /* of vectors */
#define POINTS 60

/* A number (n = 1) or a vector. */
typedef struct Value {
    int n;
    double v[LENGTH];
} Value;

static const char *const rule_text[][2] = {
#define R(from, to) {from, to},
#define STABLE(from, to) {from, to},
#include "rules.def"
#undef STABLE
#undef R
};

/* Uniform in (lo, hi), the same sequence in every run. */
static double draw(uint64_t *state, double lo, double hi)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return lo + (hi - lo) * ((double)(*state >> 11) / 9007199254740992.0);
}

static double log_sum_exp(Value x)
{
    double sum = 0;

    for (int i = 0; i < x.n; i++)
        sum += exp(x.v[i]);
    return log(sum);
}

static Value structural(Op op, const Value *in)
{
    Value y = {1, {0}};

    switch ((int)op) {
    case OP_LSE:
        y.v[0] = log_sum_exp(in[0]);
        break;
    case OP_SOFTMAX:
        y.n = in[0].n;
        for (int i = 0; i < y.n; i++)
            y.v[i] = exp(in[0].v[i] - log_sum_exp(in[0]));
        break;
    case OP_PICK:
        y.v[0] = in[0].v[(int)in[1].v[0]];
        break;
    default:
        fail_msg("no value of %s is known here", op_row[op].name);
    }
    return y;
}

static Value value_of(const Tpl *t, const Value *var)
{
    Value in[3], y = {1, {t->num}};

    if (t->var >= 0)
        return var[t->var];
    if (t->op == OP_CONST)
        return y;
    for (int i = 0; i < t->nkid; i++)
        in[i] = value_of(t->kid[i], var);
    if (!OP_IS_EW(t->op))
        return structural(t->op, in);
    for (int i = 0; i < t->nkid; i++)
        y.n = in[i].n > y.n ? in[i].n : y.n;
    for (int k = 0; k < y.n; k++) {
        double x[3] = {0};

        for (int i = 0; i < t->nkid; i++)
            x[i] = in[i].v[in[i].n > 1 ? k : 0];
        y.v[k] = op_scalar(t->op, x);
    }
    return y;
}

/* ---- ops.def ---- */

/* Slope of op in operand i: central differences, twice extrapolated. */
static double slope(Op op, const double *x, int i)
{
    double d[3];

    for (int k = 0; k < 3; k++) {
        double p[3] = {x[0], x[1], x[2]}, h = 2e-3 / (1 << k), high;

        p[i] = x[i] + h;
        high = op_scalar(op, p);
        p[i] = x[i] - h;
        d[k] = (high - op_scalar(op, p)) / (2 * h);
    }
    d[0] = d[1] + (d[1] - d[0]) / 3;
    d[1] = d[2] + (d[2] - d[1]) / 3;
    return d[1] + (d[1] - d[0]) / 15;
}

/* Whether op bends or jumps within reach of the differences: where operands
 * are nearly equal, or a multiple of one another, or one is nearly 0. */
static int corner(Op op, const double *x)
{
    int n = op_row[op].nin;

    if (n > 1 && fabs(x[0] - x[1]) < 0.02)
        return 1;
    if (op == OP_mod && fabs(x[0] / x[1] - nearbyint(x[0] / x[1])) < 0.02)
        return 1;
    for (int i = 0; i < n; i++)
        if (fabs(x[i]) < 0.02)
            return 1;
    return 0;
}

static void check_point(Arena *a, Op op, const double *x)
{
    static const double d = 1.25;
    Value var[TPL_VARS] = {{0, {0}}};
    char names[] = "abc";

    for (int i = 0; i < op_row[op].nin; i++)
        var[names[i] - 'a'] = (Value){1, {x[i]}};
    var['d' - 'a'] = (Value){1, {d}};
    var['y' - 'a'] = (Value){1, {op_scalar(op, x)}};
    for (int i = 0; i < op_row[op].nin; i++) {
        Tpl *t = tpl_parse(a, op_row[op].d[i]);
        double want = d * slope(op, x, i), got = value_of(t, var).v[0];

        if (fabs(got - want) > 1e-7 * fmax(1, fabs(want)))
            fail_msg("%s: d/d%c = \"%s\" is %.12g at (%g, %g, %g), the "
                     "slope %.12g",
                     op_row[op].name, names[i], op_row[op].d[i], got, x[0],
                     x[1], x[2], want);
    }
}

static void test_derivatives(void **state)
{
    Arena *a = arena_new(NULL);
    uint64_t seed = 1;
    int rows = 0;

    (void)state;
    for (Op op = 1; op < OP_COUNT; op++) {
        if (!OP_IS_EW(op) || op == OP_stopgrad || op == OP_CALL)
            continue;
        rows++;
        for (int n = 0; n < POINTS;) {
            double x[3];

            for (int i = 0; i < 3; i++)
                x[i] = draw(&seed, op_row[op].lo, op_row[op].hi);
            if (corner(op, x))
                continue;
            check_point(a, op, x);
            n++;
        }
    }
    assert_true(rows > 30);
    arena_free(a);
}

/* What has no slope of its own: the value passes, the gradient stops. */
static void test_stopgrad(void **state)
{
    double x = 0.7;

    (void)state;
    assert_true(op_scalar(OP_stopgrad, &x) == x);
    assert_string_equal(op_row[OP_stopgrad].d[0], "0");
}

static void test_names(void **state)
{
    (void)state;
    for (Op op = 1; op < OP_COUNT; op++) {
        assert_int_equal(op_find(op_row[op].name), op);
        assert_true(!OP_IS_EW(op) || op_row[op].lo < op_row[op].hi);
    }
    assert_int_equal(op_find("tahn"), OP_NONE);
}

/* ---- rules.def ---- */

/* What a variable must be, from where it stands. */
enum { ANY, VECTOR, INDEX };

static void find_kinds(const Tpl *t, int *kind, int wanted)
{
    if (t->var >= 0 && wanted != ANY)
        kind[t->var] = wanted;
    for (int i = 0; i < t->nkid; i++) {
        int vector = t->op == OP_LSE || t->op == OP_SOFTMAX || t->op == OP_PICK;

        find_kinds(t->kid[i], kind, !vector ? ANY : i ? INDEX : VECTOR);
    }
}

static void draw_values(uint64_t *seed, const int *kind, int length, Value *var)
{
    for (int i = 0; i < TPL_VARS; i++) {
        var[i].n = kind[i] == VECTOR ? LENGTH : kind[i] == INDEX ? 1 : length;
        for (int k = 0; k < LENGTH; k++)
            var[i].v[k] = kind[i] == INDEX ? floor(draw(seed, 0, LENGTH))
                                           : draw(seed, -2, 2);
    }
}

/* Counts the points where both sides are numbers; there they must be equal. */
static int same_value(const char *const *rule, Value left, Value right)
{
    assert_int_equal(left.n, right.n);
    for (int k = 0; k < left.n; k++) {
        if (!isfinite(left.v[k]))
            return 0;
        if (!(fabs(left.v[k] - right.v[k]) <=
              1e-12 * fmax(1, fabs(left.v[k]))))
            fail_msg("\"%s\" is %.17g, \"%s\" is %.17g", rule[0], left.v[k],
                     rule[1], right.v[k]);
    }
    return 1;
}

static void test_rules_hold(void **state)
{
    Arena *a = arena_new(NULL);
    uint64_t seed = 2;

    (void)state;
    for (size_t r = 0; r < sizeof rule_text / sizeof *rule_text; r++) {
        Tpl *from = tpl_parse(a, rule_text[r][0]);
        Tpl *to = tpl_parse(a, rule_text[r][1]);
        int kind[TPL_VARS] = {0}, n = 0;

        find_kinds(from, kind, ANY);
        for (int i = 0; i < 20 * POINTS; i++) {
            Value var[TPL_VARS];

            draw_values(&seed, kind, i % 2 ? 1 : LENGTH, var);
            n += same_value(rule_text[r], value_of(from, var),
                            value_of(to, var));
        }
        if (n < POINTS)
            fail_msg("\"%s\" has a value at %d points only", rule_text[r][0],
                     n);
    }
    arena_free(a);
}

static Ref add_node(void *ctx, Graph *g, Op op, int nin, const Ref *in,
                    double num, Span span)
{
    (void)ctx;
    return graph_add(g, op, nin, in, 0, 0, num, span);
}

/* Reads of inputs stand for the variables; one letter each. */
static void add_inputs(Graph *g, const int *kind, int axes, Ref *var)
{
    for (int i = 0; i < TPL_VARS; i++) {
        const char *name = arena_printf(g->arena, "%c", 'a' + i);
        int64_t n = LENGTH;
        int shape = graph_shape(g, kind[i] == INDEX ? 0 : 1, &n);
        int slot = graph_slot(g, SLOT_INPUT, name, shape,
                              kind[i] == INDEX ? GX_TB : axes);

        var[i] = graph_read(g, slot, 0);
    }
}

/* Both sides have one shape and the same axes, and the rule is applied. */
static void test_rules_fit(void **state)
{
    (void)state;
    for (size_t r = 0; r < sizeof rule_text / sizeof *rule_text; r++) {
        Arena *a = arena_new(NULL);
        Graph *g = graph_new(a, "rule");
        Tpl *from = tpl_parse(a, rule_text[r][0]);
        Tpl *to = tpl_parse(a, rule_text[r][1]);
        int kind[TPL_VARS] = {0};
        Ref var[TPL_VARS], left, right;
        Root root = {.role = CELL_OUTPUT, .name = "y", .slot = -1};
        Buf before, after;

        find_kinds(from, kind, ANY);
        add_inputs(g, kind, r % 2 ? GX_B : GX_TB, var);
        left = tpl_build(g, from, var, (Span){0, 0}, add_node, NULL);
        right = tpl_build(g, to, var, (Span){0, 0}, add_node, NULL);
        assert_int_equal(NODE(g, left)->shape, NODE(g, right)->shape);
        assert_int_equal(NODE(g, left)->axes, NODE(g, right)->axes);
        root.value = left;
        vec_push(a, &g->root, root);
        buf_init(&before, a);
        buf_init(&after, a);
        graph_print(&before, g);
        graph_print(&after, pass_simplify(g));
        if (!strcmp(before.s, after.s))
            fail_msg("\"%s\" stays as it is", rule_text[r][0]);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_derivatives), cmocka_unit_test(test_stopgrad),
        cmocka_unit_test(test_names),       cmocka_unit_test(test_rules_hold),
        cmocka_unit_test(test_rules_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
