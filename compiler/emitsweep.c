/* Sweeps (sweep.c) as programs of the run time's kernel `sweep`: what its
 * operations are, and that matrices which nothing else looks at stay in one
 * line of scratch memory, or in registers.  Called by emit.c for the styles
 * that have that kernel. */
#include "emitsweep.h"

#include <string.h>

#include "ops.h"

static const Operand nothing = {A_NUMBER, -1, 0, -1};

/* ---- operands ---- */

int program_array(Program *p, const char *text, const char *ahead)
{
    for (int i = 0; i < p->array.n; i++)
        if (!strcmp(p->array.v[i].text, text) &&
            !strcmp(p->array.v[i].ahead, ahead))
            return i;
    vec_push(p->e->arena, &p->array, ((Array){text, ahead}));
    return p->array.n - 1;
}

int program_place(Program *p, Val v)
{
    bool moves = p->turn && p->e->s->val.v[v].axes & p->bit;
    return program_array(p, emit_pointer(p->e, v, p->rows),
                         moves ? emit_step(p->e, v, p->bit) : "0");
}

/* Scratch line i; `steps`: the first of those of a turn. */
Operand program_spare(Program *p, int i, bool steps)
{
    long long size = p->length * p->tall, at = (long long)i * size;
    return operand(
        AN_ARRAY,
        program_array(p, arena_printf(p->e->arena, "spare + %lld", at),
                      steps ? arena_printf(p->e->arena, "%lld", size) : "0"),
        2);
}

/* The scratch lines of a buffer, -1: none. */
int program_room(const Program *p, Val base)
{
    for (int i = 0; i < p->room.n; i++)
        if (p->room.v[i].base == base)
            return p->room.v[i].line;
    return -1;
}

/* The instruction of the body at hand that gives value v; -1: it is there
 * before. */
int program_maker(const Program *p, int body, Val v)
{
    int to = body == p->at ? p->step.n : p->body[body].to;
    for (int i = to - 1; i >= p->body[body].from; i--) {
        Val out = p->step.v[i].made;
        if (out >= 0 && sweep_overlap(p->e->s, out, v, p->bit))
            return i;
    }
    return -1;
}

/* How many steps before the one at hand value v is. */
int program_row(const Program *p, Val v)
{
    int row = 0;
    for (; p->e->s->val.v[v].kind == VAL_VIEW; v = p->e->s->val.v[v].base)
        row += p->e->s->val.v[v].row;
    return row;
}

/* Value v as operand; `thin`: of work on numbers. */
static Operand operand_of(Program *p, Val v, bool thin)
{
    const Loc *l = &p->e->p->loc[v];
    Body *b = &p->body[p->at];
    bool matrix = l->n > 1 && !l->spread && !thin;
    int maker = matrix ? program_maker(p, p->at, v) : -1;
    Operand x = operand(AN_INST, maker, 0);
    if (maker >= 0)
        return x;
    Val base = matrix ? sched_buffer(p->e->s, v) : -1;
    for (int i = 0; i < b->state.n; i++)
        if (base >= 0 && b->state.v[i].base == base)
            return operand(A_STATE, i, 0);
    if (base >= 0 && program_room(p, base) >= 0)
        return program_spare(p, program_room(p, base) + 1 + program_row(p, v),
                             true);
    x.kind =
        thin || l->n == 1 || l->spread == SPREAD_LINES ? A_NUMBER : AN_ARRAY;
    x.val = v;
    x.own = l->spread ? l->spread == SPREAD_LINES : l->n > 1;
    x.at = program_place(p, v);
    return x;
}

static void find_steps(Program *p, const Kernel *k)
{
    int first = p->step.n;
    bool thin = k->n == p->lines && k->n != p->lines * p->length;
    for (int i = 0; i < k->inst.n; i++) {
        const Inst *x = &k->inst.v[i];
        Val base = sched_buffer(p->e->s, x->out);
        Step s = {.op = x->op, .nin = x->nin, .made = x->out, .out = x->out};
        s.spare = -1;
        s.thin = thin;
        s.room = base < 0 ? -1 : program_room(p, base);
        for (int j = 0; j < x->nin; j++) {
            int in = x->in[j];
            s.in[j] = in >= 0 ? operand(AN_INST, first + in, 0)
                              : operand_of(p, k->in.v[~in], thin);
        }
        vec_push(p->e->arena, &p->step, s);
    }
}

/* What is behind the end of a sequence, in place of what was made. */
static void find_tail(Program *p, const Kernel *k)
{
    Step s = {.tail = k, .nin = 1, .made = k->out, .out = k->out};
    s.in[0] = operand_of(p, k->out, false);
    s.spare = s.room = -1;
    if (s.in[0].kind == AN_INST)
        p->step.v[s.in[0].at].out = -1;
    p->fails |= s.in[0].kind == A_STATE;
    vec_push(p->e->arena, &p->step, s);
}

/* Whether a product is one of two matrices. */
static bool is_pair(SweepRole role)
{
    return role == SWEEP_PAIRS || role == SWEEP_ALL;
}

/* Whether what product k gives is a number that the body at hand uses. */
static bool feeds(const Program *p, const Kernel *k)
{
    const Body *b = &p->body[p->at];
    for (int i = 0; i < b->n; i++)
        for (int j = 0; b->v[i].sweep && j < b->v[i].in.n; j++)
            if (b->v[i].sweep == k->sweep &&
                sweep_overlap(p->e->s, k->out, b->v[i].in.v[j], p->bit))
                return true;
    return false;
}

/* A product with what is computed again is made where that is at hand. */
static void find_read(Program *p, const Kernel *k, SweepRole role)
{
    Read r = {.k = k, .role = role, .body = p->at, .feeds = feeds(p, k)};
    Val x = k->in.v[role == SWEEP_WEIGHS || role == SWEEP_DOTS];
    bool moves = p->at && !is_pair(role) && !r.feeds;
    int maker = moves ? program_maker(p, 0, x) : -1;
    r.x = maker >= 0 ? operand(AN_INST, maker, 0) : operand_of(p, x, false);
    if (maker >= 0)
        r.body = 0;
    if (is_pair(role))
        r.y = operand_of(p, k->in.v[1], false);
    p->fails |= r.feeds && p->length > SWEEP_LONGEST;
    vec_push(p->e->arena, &p->read, r);
}

static bool is_inside(const Program *p, const Kernel *k)
{
    for (int i = 0; i < p->bodies; i++) {
        const Body *b = &p->body[i];
        if (k >= b->v && k < b->v + b->n)
            return !p->turn || k->turn == TURN_SWEEP;
    }
    return false;
}

/* Whether anything outside of the sweep looks at value v. */
bool program_seen(const Program *p, Val v)
{
    const Sched *s = p->e->s;
    Val base = sched_base(p->e->s, v);
    if (s->val.v[base].life != LIFE_TEMP ||
        (s->val.v[base].axes & p->bit && !p->turn))
        return true;
    for (int f = 0; f < FN_COUNT; f++)
        for (int i = 0; i < s->fn[f].stage.n; i++) {
            const Stage *st = &s->fn[f].stage.v[i];
            for (int n = 0; n < stage_kernels(st); n++) {
                const Kernel *k = stage_kernel(st, n);
                for (int j = 0; j < k->in.n && !is_inside(p, k); j++)
                    if (sched_base(p->e->s, k->in.v[j]) == base)
                        return true;
            }
        }
    return false;
}

/* A state of few steps is stored behind the last step of the turn alone. */
static bool goes_round(const Program *p, const Step *s)
{
    Val base = sched_base(p->e->s, s->out);
    for (int i = 0; i < p->bodies; i++)
        for (int j = 0; j < p->body[i].state.n; j++)
            if (p->body[i].state.v[j].base == base)
                return p->e->s->val.v[base].ring;
    return false;
}

static void count_uses(Program *p)
{
    for (int i = 0; i < p->step.n; i++)
        for (int j = 0; j < p->step.v[i].nin; j++)
            if (p->step.v[i].in[j].kind == AN_INST)
                p->step.v[p->step.v[i].in[j].at].uses++;
    for (int i = 0; i < p->read.n; i++) {
        const Read *r = &p->read.v[i];
        if (r->x.kind == AN_INST)
            p->step.v[r->x.at].read = true;
        if (is_pair(r->role) && r->y.kind == AN_INST)
            p->step.v[r->y.at].read = true;
    }
    for (int i = 0; i < p->step.n; i++) {
        Step *s = &p->step.v[i];
        s->whole = s->out >= 0 || s->uses != 1 || s->read || s->thin;
        if (s->out >= 0 && !s->thin && s->room < 0 &&
            (goes_round(p, s) || !program_seen(p, s->out)))
            s->out = -1;
    }
}

/* ---- operations ---- */

void program_put(Program *p, int code, int x, int xown, int s, int sown)
{
    const int word[SWEEP_WORDS] = {code, x, xown, s, sown};
    for (int i = 0; i < SWEEP_WORDS; i++)
        vec_push(p->e->arena, &p->code, word[i]);
    p->count++;
    p->dots += code == SWEEP_DOT || code == SWEEP_NOW || code == SWEEP_INNER;
}

void program_put_x(Program *p, int code, Operand x)
{
    program_put(p, code, x.at, x.own, 0, 0);
}

static void put_xs(Program *p, int code, Operand x, Operand s)
{
    program_put(p, code, x.at, x.own, s.at, s.own);
}

static bool is_at_hand(const Program *p, Operand x)
{
    return x.kind != A_NUMBER && p->hand.kind == x.kind && p->hand.at == x.at;
}

/* Where what instruction s gives is stored. */
Operand program_out(Program *p, const Step *s)
{
    if (s->room >= 0)
        return program_spare(p, s->room + 1, true);
    return operand(AN_ARRAY, program_place(p, s->out), 1);
}

/* Whether the operand lies in memory; as an array then. */
static bool in_memory(Program *p, Operand x, Operand *array)
{
    *array = x;
    if (x.kind == A_NUMBER || x.kind == AN_ARRAY)
        return x.kind == AN_ARRAY;
    Step *s = x.kind == AN_INST ? &p->step.v[x.at] : NULL;
    if (s && !s->whole)
        return false;
    if (s && s->out >= 0) {
        *array = program_out(p, s);
        return true;
    }
    int *spare = s ? &s->spare : &p->body[p->at].state.v[x.at].spare;
    if (*spare < 0) { /* the next round stores it */
        *spare = p->spare++;
        p->again = true;
    }
    *array = program_spare(p, *spare, false);
    return true;
}

int program_number(Program *p, Step *s)
{
    int64_t line = p->length * p->tall;
    if (s->made >= 0)
        return program_place(p, s->made);
    if (s->spare < 0) {
        s->spare = p->spare;
        p->spare += (int)((p->lines + line - 1) / line);
        p->again = true;
    }
    return program_spare(p, s->spare, false).at;
}

static void compute(Program *p, int i);

/* Makes the operand the line at hand. */
void program_take(Program *p, Operand x)
{
    Operand array;
    if (is_at_hand(p, x))
        return;
    if (x.kind == A_NUMBER)
        program_put(p, SWEEP_FILL, 0, 0, x.at, x.own);
    else if (in_memory(p, x, &array))
        program_put_x(p, SWEEP_LOAD, array);
    else
        compute(p, x.at);
    p->hand = x.kind == A_NUMBER ? nothing : x;
}

static Operand put_aside(Program *p)
{
    Operand x = program_spare(p, p->spare + p->aside++, false);
    program_put_x(p, SWEEP_STORE, x);
    return x;
}

/* x and s of a product that is used once, if it is one of a line in memory and
 * a number; unless `any`, not if that line is at hand. */
static bool is_term(Program *p, Operand x, bool any, Operand *line,
                    Operand *number)
{
    if (x.kind != AN_INST)
        return false;
    const Step *s = &p->step.v[x.at];
    if (s->whole || s->tail || s->op != OP_mul)
        return false;
    int k = s->in[0].kind == A_NUMBER ? 0 : 1;
    *number = s->in[k];
    return s->in[k].kind == A_NUMBER && s->in[!k].kind != A_NUMBER &&
           (any || !is_at_hand(p, s->in[!k])) && in_memory(p, s->in[!k], line);
}

/* The line at hand, which is operand a, and b. */
static void combine(Program *p, Op op, Operand a, Operand b)
{
    Operand x, s;
    bool ready = !is_at_hand(p, b) && b.kind != A_NUMBER;
    if (op != OP_mul && is_term(p, b, true, &x, &s)) {
        program_take(p, a);
        put_xs(p, op == OP_sub ? SWEEP_SUBMUL : SWEEP_ADDMUL, x, s);
        return;
    }
    if (!ready || !in_memory(p, b, &x)) {
        program_take(p, b);
        x = put_aside(p);
    }
    program_take(p, a);
    program_put_x(p,
                  op == OP_add   ? SWEEP_ADD
                  : op == OP_sub ? SWEEP_SUB
                                 : SWEEP_MUL,
                  x);
}

static void scale(Program *p, Operand a, Operand s)
{
    Operand x;
    if (a.kind != AN_ARRAY && is_at_hand(p, a)) {
        program_put(p, SWEEP_SCALE, 0, 0, s.at, s.own);
    } else if (a.kind != A_NUMBER && in_memory(p, a, &x)) {
        put_xs(p, SWEEP_LOADMUL, x, s);
    } else {
        program_take(p, a);
        program_put(p, SWEEP_SCALE, 0, 0, s.at, s.own);
    }
}

/* Instruction i into the line at hand. */
static void compute(Program *p, int i)
{
    const Step *s = &p->step.v[i];
    Op op = s->op;
    Operand a = s->in[0], b = s->in[1], x, n;
    if (s->tail) {
        program_take(p, a);
        program_put(p, SWEEP_TAIL, s->tail->row, 0,
                    program_place(p, s->tail->in.v[1]), 0);
    } else if (op == OP_neg || op == OP_exp) {
        program_take(p, a);
        program_put(p, op == OP_neg ? SWEEP_NEG : SWEEP_EXP, 0, 0, 0, 0);
    } else if (op == OP_mul && b.kind == A_NUMBER) {
        scale(p, a, b);
    } else if (op == OP_mul && a.kind == A_NUMBER) {
        scale(p, b, a);
    } else if (op == OP_sub && is_at_hand(p, b) && in_memory(p, a, &x)) {
        program_put_x(p, SWEEP_FROM, x);
    } else if (is_at_hand(p, a) && !is_at_hand(p, b) &&
               ((op != OP_mul && is_term(p, b, false, &x, &n)) ||
                (b.kind != A_NUMBER && in_memory(p, b, &x)))) {
        combine(p, op, a, b);
    } else if (op != OP_sub &&
               (is_at_hand(p, b) ||
                (op == OP_add && is_term(p, a, false, &x, &n)) ||
                (in_memory(p, a, &x) && !in_memory(p, b, &x)))) {
        combine(p, op, b, a);
    } else if (op == OP_add && !is_term(p, b, true, &x, &n) &&
               !in_memory(p, b, &x) && is_term(p, a, true, &x, &n)) {
        combine(p, op, b, a);
    } else {
        combine(p, op, a, b);
    }
    p->hand = operand(AN_INST, i, 0);
}

/* Product r of the line at hand, x, and what is in memory. */
static void put_read(Program *p, Read *r, Operand other)
{
    int y = program_place(p, r->k->out);
    int dot = r->feeds ? SWEEP_NOW : SWEEP_DOT;
    r->done = true;
    if (r->role == SWEEP_WEIGHS)
        program_put(p, SWEEP_COLUMNS, y, 0, program_place(p, r->k->in.v[0]), 1);
    else if (r->role == SWEEP_SUMS)
        program_put(p, SWEEP_TOTAL, y, 0, 0, 0);
    else if (r->role == SWEEP_DOTS)
        program_put(p, dot, program_place(p, r->k->in.v[0]), 0, y, 1);
    else if (r->role == SWEEP_PAIRS)
        program_put(p, dot, other.at, other.own, y, 1);
    else
        program_put(p, SWEEP_INNER, other.at, other.own, y, 0);
}

static bool is_computed(const Program *p, Operand x)
{
    return x.kind != AN_INST || p->step.v[x.at].done;
}

bool program_waits(const Program *p, Val v, int *at)
{
    const Sched *s = p->e->s;
    *at = -1;
    for (int i = p->body[p->at].from; i < p->body[p->at].to; i++)
        if (p->step.v[i].thin && p->step.v[i].made >= 0 &&
            sweep_overlap(s, p->step.v[i].made, v, p->bit)) {
            *at = i;
            return !p->step.v[i].done;
        }
    for (int i = 0; i < p->read.n; i++)
        if (p->read.v[i].body == p->at && p->read.v[i].feeds &&
            sweep_overlap(s, p->read.v[i].k->out, v, p->bit))
            return !p->read.v[i].done;
    return false;
}

/* What looks at the line at hand, as far as the rest is computed. */
static void put_reads(Program *p)
{
    int at;
    for (int i = 0; i < p->read.n; i++) {
        Read *r = &p->read.v[i];
        Operand other = operand(AN_ARRAY, 0, 0);
        if (r->done || r->body != p->at)
            continue;
        bool x = is_at_hand(p, r->x);
        if (!is_pair(r->role)) {
            if (x && (r->role != SWEEP_WEIGHS ||
                      !program_waits(p, r->k->in.v[0], &at)))
                put_read(p, r, other);
            continue;
        }
        Operand y = x ? r->y : r->x;
        if ((x || is_at_hand(p, r->y)) && is_computed(p, y) &&
            in_memory(p, y, &other))
            put_read(p, r, other);
    }
}

static void put_thin(Program *p, int i);
static void need_numbers(Program *p, int i);

/* Computes number v, if it waits for that. */
static void need_number(Program *p, Val v)
{
    int at;
    if (!program_waits(p, v, &at))
        return;
    if (at >= 0) {
        put_thin(p, at);
        return;
    }
    for (int i = 0; i < p->read.n; i++) {
        Read *r = &p->read.v[i];
        if (r->done || r->body != p->at || !r->feeds ||
            !sweep_overlap(p->e->s, r->k->out, v, p->bit))
            continue;
        p->fails |= !is_computed(p, r->x);
        program_take(p, r->x);
        put_reads(p);
        p->fails |= !r->done;
    }
}

/* Computes what number step i gives, or those that it needs where it is used.
 */
static void need_step(Program *p, int i)
{
    const Step *s = &p->step.v[i];
    if (s->thin && !s->done)
        put_thin(p, i);
    else if (!s->whole)
        need_numbers(p, i);
}

/* Computes all numbers that step i needs. */
static void need_numbers(Program *p, int i)
{
    const Step *s = &p->step.v[i];
    for (int j = 0; j < s->nin; j++)
        if (s->in[j].kind == A_NUMBER)
            need_number(p, s->in[j].val);
        else if (s->in[j].kind == AN_INST)
            need_step(p, s->in[j].at);
}

/* Step i, which is work on numbers, of which all results are stored. */
static void put_thin(Program *p, int i)
{
    Step *s = &p->step.v[i];
    int at[2] = {0, 0}, own[2] = {0, 0};
    need_numbers(p, i);
    p->fails |= s->op == OP_exp;
    if (p->fails)
        return;
    for (int j = 0; j < s->nin; j++) {
        bool made = s->in[j].kind == AN_INST;
        at[j] = made ? program_number(p, &p->step.v[s->in[j].at]) : s->in[j].at;
        own[j] = made ? 1 : s->in[j].own;
    }
    program_put(p, SWEEP_NUMBER, 0, 0, at[0], own[0]);
    if (s->op == OP_neg)
        program_put(p, SWEEP_MINUS_IT, 0, 0, 0, 0);
    else
        program_put(p,
                    s->op == OP_add   ? SWEEP_PLUS
                    : s->op == OP_sub ? SWEEP_MINUS
                                      : SWEEP_TIMES,
                    0, 0, at[1], own[1]);
    program_put(p, SWEEP_KEEP, 0, 0, program_number(p, s), 1);
    s->done = true;
}

/* Whole step i, its results where they must be, and what looks at them. */
static void put_step(Program *p, int i)
{
    Step *s = &p->step.v[i];
    need_numbers(p, i);
    compute(p, i);
    s->done = true;
    if (s->out >= 0)
        program_put_x(p, SWEEP_STORE, program_out(p, s));
    else if (s->spare >= 0)
        program_put_x(p, SWEEP_STORE, program_spare(p, s->spare, false));
    put_reads(p);
}

/* Everything but what is computed where it is used; then what only reads. */
void program_put_body(Program *p)
{
    const Body *b = &p->body[p->at];
    put_reads(p);
    for (int i = b->from; i < b->to && !p->fails; i++) {
        const Step *s = &p->step.v[i];
        if (s->thin && !s->done)
            put_thin(p, i);
        else if (s->whole && !s->thin)
            put_step(p, i);
    }
    for (int i = 0; i < p->read.n && !p->fails; i++) {
        const Read *r = &p->read.v[i];
        if (r->done || r->body != p->at)
            continue;
        if (r->role == SWEEP_WEIGHS)
            need_number(p, r->k->in.v[0]);
        if (r->done)
            continue;
        program_take(p, r->x);
        put_reads(p);
    }
}

bool program_make(Program *p, void (*put)(Program *p))
{
    count_uses(p);
    do {
        p->code.n = p->count = p->aside = p->dots = 0;
        p->hand = nothing;
        p->again = false;
        for (int i = 0; i < p->step.n; i++)
            p->step.v[i].done = false;
        for (int i = 0; i < p->read.n; i++)
            p->read.v[i].done = false;
        put(p);
    } while (p->again && !p->fails);
    return !p->fails && p->count <= SWEEP_MOST &&
           p->dots * (p->turn ? p->turn : 1) <= SWEEP_CHAINS;
}

void program_read(Program *p)
{
    Body *b = &p->body[p->at];
    int64_t lines, length;
    b->from = p->step.n;
    for (int i = 0; i < b->n; i++) {
        const Kernel *k = &b->v[i];
        SweepRole role =
            k->sweep ? sweep_role(p->e->s, k, &lines, &length) : SWEEP_NOT;
        if (role == SWEEP_WORK)
            find_steps(p, k);
        else if (role == SWEEP_ENDS)
            find_tail(p, k);
        else if (role != SWEEP_NOT)
            find_read(p, k, role);
    }
    b->to = p->step.n;
    for (int i = 0; i < b->state.n; i++) {
        State *s = &b->state.v[i];
        s->maker = program_maker(p, p->at, s->made);
    }
}

void program_lines(Program *p, const Kernel *v, int n)
{
    int64_t lines, length;
    for (int i = 0; i < n; i++)
        if (v[i].sweep && sweep_role(p->e->s, &v[i], &lines, &length) &&
            lines) {
            p->length = length;
            p->lines = v[i].lines;
        }
    p->tall = p->length <= SWEEP_FEW ? SWEEP_ABREAST : SWEEP_ROOM;
}

bool emit_sweep(Emit *e, const Kernel *v, int n, int loop)
{
    Program p = {.e = e, .bit = loop, .bodies = 1};
    p.rows.step = (uint8_t)(loop | CELL_B);
    program_lines(&p, v, n);
    p.body[0] = (Body){.v = v, .n = n, .dir = 1};
    program_read(&p);
    if (!program_make(&p, program_put_body))
        return false;
    emit_open(e, "for (int64_t row = 0; row < %s; row++)",
              emit_rows_text(e, CELL_B));
    program_print(&p, "1");
    emit_close(e);
    return true;
}
