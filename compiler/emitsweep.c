/* Sweeps (sweep.c) as programs of the run time's kernel `sweep`: what its
 * operations are, and that matrices which nothing else looks at stay in one
 * line of scratch memory, or in registers.  Called by emit.c for the styles
 * that have that kernel. */
#include <string.h>

#include "../runtime/sweep.h"
#include "emit.h"
#include "ops.h"
#include "sweep.h"

/* An operand of an operation. */
typedef enum OperandKind {
    AN_INST,  /* what instruction `at` of the sweep gives */
    AN_ARRAY, /* array `at`: lines of a matrix, or one for all */
    A_NUMBER  /* array `at`: a number for each line, or one for all */
} OperandKind;

typedef struct Operand {
    OperandKind kind;
    int at;
    int own; /* 1: each line has its own, 2: room for one */
} Operand;

/* An instruction of any of the FUSED kernels. */
typedef struct Step {
    const Inst *inst;
    Operand in[2];
    Val out;    /* where it must be stored, or -1 */
    int uses;   /* by instructions */
    bool whole; /* it is computed in its turn, not where it is used */
    bool read;  /* a product looks at it */
    int spare;  /* its scratch line, -1: none */
    bool done;
} Step;

/* A product, or a sum of lines. */
typedef struct Read {
    const Kernel *k;
    SweepRole role;
    Operand x; /* the matrix */
    Operand y; /* PAIRS: the other one */
    bool done;
} Read;

typedef struct Program {
    Emit *e;
    const Kernel *v;
    int n;
    EmitRows rows;
    int bit;        /* of the loop's axis */
    int64_t length; /* of a line */
    VEC(Step) step;
    VEC(Read) read;
    VEC(const char *) array;
    VEC(int) code;
    int count; /* operations */
    int now;   /* the step, and */
    int here;  /* the array, that the line at hand is; -1 */
    int spare; /* scratch lines, */
    int aside; /* and those for operands of one operation */
    bool again;
} Program;

/* ---- operands ---- */

static int array_of(Program *p, const char *text)
{
    for (int i = 0; i < p->array.n; i++)
        if (!strcmp(p->array.v[i], text))
            return i;
    vec_push(p->e->arena, &p->array, text);
    return p->array.n - 1;
}

static int place_of(Program *p, Val v)
{
    return array_of(p, emit_pointer(p->e, v, p->rows));
}

static int spare_line(Program *p, int i)
{
    long long at = (long long)i * p->length * SWEEP_ROOM;
    return array_of(p, arena_printf(p->e->arena, "spare + %lld", at));
}

/* The instruction that gives value v; -1: it is there before. */
static int maker_of(const Program *p, Val v)
{
    for (int i = p->step.n - 1; i >= 0; i--) {
        Val out = p->step.v[i].inst->out;
        if (out >= 0 && sweep_overlap(p->e->s, out, v, p->bit))
            return i;
    }
    return -1;
}

static Operand operand_of(Program *p, Val v)
{
    const Loc *l = &p->e->p->loc[v];
    int maker = l->n > 1 && !l->spread ? maker_of(p, v) : -1;
    Operand x = {AN_INST, maker, 0};
    if (maker >= 0)
        return x;
    x.kind = l->n == 1 || l->spread == SPREAD_LINES ? A_NUMBER : AN_ARRAY;
    x.own = l->spread ? l->spread == SPREAD_LINES : l->n > 1;
    x.at = place_of(p, v);
    return x;
}

static void find_steps(Program *p, const Kernel *k)
{
    int first = p->step.n;
    for (int i = 0; i < k->inst.n; i++) {
        Step s = {.inst = &k->inst.v[i], .out = k->inst.v[i].out, .spare = -1};
        for (int j = 0; j < s.inst->nin; j++) {
            int in = s.inst->in[j];
            s.in[j] = in >= 0 ? (Operand){AN_INST, first + in, 0}
                              : operand_of(p, k->in.v[~in]);
        }
        vec_push(p->e->arena, &p->step, s);
    }
}

static void find_read(Program *p, const Kernel *k, SweepRole role)
{
    Read r = {.k = k, .role = role};
    r.x = operand_of(p, k->in.v[role == SWEEP_WEIGHS || role == SWEEP_DOTS]);
    if (role == SWEEP_PAIRS)
        r.y = operand_of(p, k->in.v[1]);
    vec_push(p->e->arena, &p->read, r);
}

/* Whether anything outside of the sweep looks at value v. */
static bool is_seen(const Program *p, Val v)
{
    const Sched *s = p->e->s;
    Val base = emit_base(p->e, v);
    if (s->val.v[base].axes & p->bit || s->val.v[base].life != LIFE_TEMP)
        return true;
    for (int f = 0; f < FN_COUNT; f++)
        for (int i = 0; i < s->fn[f].stage.n; i++) {
            const Stage *st = &s->fn[f].stage.v[i];
            for (int n = 0; n < stage_kernels(st); n++) {
                const Kernel *k = stage_kernel(st, n);
                bool inside = k >= p->v && k < p->v + p->n;
                for (int j = 0; j < k->in.n && !inside; j++)
                    if (emit_base(p->e, k->in.v[j]) == base)
                        return true;
            }
        }
    return false;
}

static void count_uses(Program *p)
{
    for (int i = 0; i < p->step.n; i++)
        for (int j = 0; j < p->step.v[i].inst->nin; j++)
            if (p->step.v[i].in[j].kind == AN_INST)
                p->step.v[p->step.v[i].in[j].at].uses++;
    for (int i = 0; i < p->read.n; i++) {
        const Read *r = &p->read.v[i];
        if (r->x.kind == AN_INST)
            p->step.v[r->x.at].read = true;
        if (r->role == SWEEP_PAIRS && r->y.kind == AN_INST)
            p->step.v[r->y.at].read = true;
    }
    for (int i = 0; i < p->step.n; i++) {
        Step *s = &p->step.v[i];
        s->whole = s->out >= 0 || s->uses != 1 || s->read;
        if (s->out >= 0 && !is_seen(p, s->out))
            s->out = -1;
    }
}

/* ---- operations ---- */

static void put(Program *p, int code, int x, int xown, int s, int sown)
{
    const int word[SWEEP_WORDS] = {code, x, xown, s, sown};
    for (int i = 0; i < SWEEP_WORDS; i++)
        vec_push(p->e->arena, &p->code, word[i]);
    p->count++;
}

static void put_x(Program *p, int code, Operand x)
{
    put(p, code, x.at, x.own, 0, 0);
}

static void put_xs(Program *p, int code, Operand x, Operand s)
{
    put(p, code, x.at, x.own, s.at, s.own);
}

static bool is_at_hand(const Program *p, Operand x)
{
    return x.kind == AN_INST ? p->now == x.at
                             : x.kind == AN_ARRAY && p->here == x.at;
}

/* Whether the operand lies in memory; as an array then. */
static bool in_memory(Program *p, Operand x, Operand *array)
{
    *array = x;
    if (x.kind != AN_INST)
        return x.kind == AN_ARRAY;
    Step *s = &p->step.v[x.at];
    if (!s->whole)
        return false;
    array->kind = AN_ARRAY;
    if (s->out >= 0) {
        array->own = 1;
        array->at = place_of(p, s->out);
        return true;
    }
    if (s->spare < 0) { /* the next round stores it */
        s->spare = p->spare++;
        p->again = true;
    }
    array->at = spare_line(p, s->spare);
    array->own = 2;
    return true;
}

static void compute(Program *p, int i);

/* Makes the operand the line at hand. */
static void take(Program *p, Operand x)
{
    Operand array;
    if (is_at_hand(p, x))
        return;
    if (x.kind == A_NUMBER)
        put(p, SWEEP_FILL, 0, 0, x.at, x.own);
    else if (in_memory(p, x, &array))
        put_x(p, SWEEP_LOAD, array);
    else
        compute(p, x.at);
    p->now = x.kind == AN_INST ? x.at : -1;
    p->here = x.kind == AN_ARRAY ? x.at : -1;
}

static Operand put_aside(Program *p)
{
    Operand x = {AN_ARRAY, spare_line(p, p->spare + p->aside++), 2};
    put_x(p, SWEEP_STORE, x);
    return x;
}

/* x and s of a product that is used once, if it is one of a line in memory and
 * a number. */
static bool is_term(Program *p, Operand x, Operand *line, Operand *number)
{
    if (x.kind != AN_INST)
        return false;
    const Step *s = &p->step.v[x.at];
    if (s->whole || s->inst->op != OP_mul)
        return false;
    int k = s->in[0].kind == A_NUMBER ? 0 : 1;
    *number = s->in[k];
    return s->in[k].kind == A_NUMBER && s->in[!k].kind != A_NUMBER &&
           !is_at_hand(p, s->in[!k]) && in_memory(p, s->in[!k], line);
}

/* The line at hand, which is operand a, and b. */
static void combine(Program *p, Op op, Operand a, Operand b)
{
    Operand x, s;
    bool ready = !is_at_hand(p, b) && b.kind != A_NUMBER;
    if (op != OP_mul && is_term(p, b, &x, &s)) {
        take(p, a);
        put_xs(p, op == OP_sub ? SWEEP_SUBMUL : SWEEP_ADDMUL, x, s);
        return;
    }
    if (!ready || !in_memory(p, b, &x)) {
        take(p, b);
        x = put_aside(p);
    }
    take(p, a);
    put_x(p,
          op == OP_add   ? SWEEP_ADD
          : op == OP_sub ? SWEEP_SUB
                         : SWEEP_MUL,
          x);
}

static void scale(Program *p, Operand a, Operand s)
{
    Operand x;
    if (a.kind == AN_INST && is_at_hand(p, a)) {
        put(p, SWEEP_SCALE, 0, 0, s.at, s.own);
    } else if (a.kind != A_NUMBER && in_memory(p, a, &x)) {
        put_xs(p, SWEEP_LOADMUL, x, s);
    } else {
        take(p, a);
        put(p, SWEEP_SCALE, 0, 0, s.at, s.own);
    }
}

/* Instruction i into the line at hand. */
static void compute(Program *p, int i)
{
    const Step *s = &p->step.v[i];
    Op op = s->inst->op;
    Operand a = s->in[0], b = s->in[1], x, n;
    if (op == OP_neg || op == OP_exp) {
        take(p, a);
        put(p, op == OP_neg ? SWEEP_NEG : SWEEP_EXP, 0, 0, 0, 0);
    } else if (op == OP_mul && b.kind == A_NUMBER) {
        scale(p, a, b);
    } else if (op == OP_mul && a.kind == A_NUMBER) {
        scale(p, b, a);
    } else if (op == OP_sub && is_at_hand(p, b) && in_memory(p, a, &x)) {
        put_x(p, SWEEP_FROM, x);
    } else if (op != OP_sub &&
               (is_at_hand(p, b) || (op == OP_add && is_term(p, a, &x, &n)) ||
                (in_memory(p, a, &x) && !in_memory(p, b, &x)))) {
        combine(p, op, b, a);
    } else {
        combine(p, op, a, b);
    }
    p->now = i;
    p->here = -1;
}

/* Product r of the line at hand, x, and what is in memory. */
static void put_read(Program *p, Read *r, Operand other)
{
    int y = place_of(p, r->k->out);
    r->done = true;
    if (r->role == SWEEP_WEIGHS)
        put(p, SWEEP_COLUMNS, y, 0, place_of(p, r->k->in.v[0]), 1);
    else if (r->role == SWEEP_SUMS)
        put(p, SWEEP_TOTAL, y, 0, 0, 0);
    else if (r->role == SWEEP_DOTS)
        put(p, SWEEP_DOT, place_of(p, r->k->in.v[0]), 0, y, 1);
    else
        put(p, SWEEP_DOT, other.at, other.own, y, 1);
}

static bool is_computed(const Program *p, Operand x)
{
    return x.kind != AN_INST || p->step.v[x.at].done;
}

/* What looks at the line at hand, as far as the rest is computed. */
static void put_reads(Program *p)
{
    for (int i = 0; i < p->read.n; i++) {
        Read *r = &p->read.v[i];
        Operand other = {0};
        if (r->done)
            continue;
        bool x = is_at_hand(p, r->x);
        if (r->role != SWEEP_PAIRS) {
            if (x)
                put_read(p, r, other);
            continue;
        }
        Operand y = x ? r->y : r->x;
        if ((x || is_at_hand(p, r->y)) && is_computed(p, y) &&
            in_memory(p, y, &other))
            put_read(p, r, other);
    }
}

/* Everything but what is computed where it is used; then what only reads. */
static void put_all(Program *p)
{
    p->code.n = p->count = p->aside = 0;
    p->now = p->here = -1;
    p->again = false;
    for (int i = 0; i < p->step.n; i++)
        p->step.v[i].done = false;
    for (int i = 0; i < p->read.n; i++)
        p->read.v[i].done = false;
    for (int i = 0; i < p->step.n; i++) {
        Step *s = &p->step.v[i];
        if (!s->whole)
            continue;
        compute(p, i);
        s->done = true;
        Operand x = {AN_ARRAY, 0, s->out >= 0 ? 1 : 2};
        if (s->out >= 0 || s->spare >= 0) {
            x.at = s->out >= 0 ? place_of(p, s->out) : spare_line(p, s->spare);
            put_x(p, SWEEP_STORE, x);
        }
        put_reads(p);
    }
    for (int i = 0; i < p->read.n; i++)
        if (!p->read.v[i].done) {
            take(p, p->read.v[i].x);
            put_reads(p);
        }
}

/* ---- printing ---- */

static void print_call(Program *p, int64_t lines)
{
    Emit *e = p->e;
    Buf b;
    buf_init(&b, e->arena);
    if (p->spare + p->aside)
        emit_line(e, "%s spare[%lld];", e->real,
                  (long long)(p->spare + p->aside) * p->length * SWEEP_ROOM);
    buf_puts(&b, "static const int code[] = {");
    for (int i = 0; i < p->code.n; i++)
        buf_printf(&b, "%s%d", i ? ", " : "", p->code.v[i]);
    buf_puts(&b, "};");
    emit_line(e, "%s", b.s);
    buf_init(&b, e->arena);
    buf_printf(&b, "%s *const at[] = {", e->real);
    for (int i = 0; i < p->array.n; i++)
        buf_printf(&b, "%s(%s *)(%s)", i ? ", " : "", e->real, p->array.v[i]);
    buf_puts(&b, "};");
    emit_line(e, "%s", b.s);
    emit_line(e, "%s(%lld, %lld, %d, code, at);", emit_kernel_name(e, "sweep"),
              (long long)lines, (long long)p->length, p->count);
}

bool emit_sweep(Emit *e, const Kernel *v, int n, int loop)
{
    Program p = {.e = e, .v = v, .n = n, .bit = loop};
    int64_t lines, length;
    p.rows.step = (uint8_t)(loop | CELL_B);
    for (int i = 0; i < n; i++) {
        SweepRole role = sweep_role(e->s, &v[i], &lines, &length);
        p.length = lines ? length : p.length;
        if (role == SWEEP_WORK)
            find_steps(&p, &v[i]);
        else
            find_read(&p, &v[i], role);
    }
    count_uses(&p);
    do {
        put_all(&p);
    } while (p.again);
    if (p.count > SWEEP_MOST)
        return false;
    emit_open(e, "for (int64_t row = 0; row < %s; row++)",
              emit_rows_text(e, CELL_B));
    print_call(&p, v[0].lines);
    emit_close(e);
    return true;
}
