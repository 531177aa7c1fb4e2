/* Turns of sweeps (emitturn.c) as programs of the run time's kernel `chain`.  A
 * state is a matrix that a step takes through some links, scales or sums with a
 * product of a column and a row; all that looks at it on its way are products
 * with vectors, or with the matrix that it is the gradient of.  The kernel
 * declines some turns, such as those behind the end of a sequence, so that the
 * sweep is there as well. */
#include "emitchain.h"

#include <string.h>

#include "../runtime/chain.h"
#include "ops.h"

enum {
    SMALL = 64,            /* lines, or reals of one, that products pay for */
    MOST_ROOM = 256 * 1024 /* reals on the stack */
};

typedef enum Which { OWN, BEFORE, AFTER } Which;

/* What a read is of: a matrix at some place of its way, or minus that, and a
 * term beside it. */
typedef struct View {
    Which which;
    int place; /* OWN: so many links behind the start */
    bool minus, also;
    Operand s, x; /* of the term */
} View;

typedef struct Term {
    int body, place; /* the links before it */
    Operand s, x;
} Term;

typedef struct Seen {
    int matrix; /* of which body, */
    int place;  /* where on its way */
    SweepRole role;
    Val vector; /* what it is multiplied by */
} Seen;

typedef struct Way {
    VEC(int) link; /* instructions from the state to what becomes of it */
    int scale;     /* the link that scales, -1: none, */
    Operand by;    /* and by what */
} Way;

typedef struct Chain {
    Program *p;
    Way way[2];
    int place; /* of the body at hand: the links that are printed */
    VEC(Term) term;
    VEC(Seen) seen;
    int count;
    bool fails;
} Chain;

static void put(Chain *c, int code, int x, int s, int sown)
{
    const int word[CHAIN_WORDS] = {code, x, 0, s, sown};
    for (int i = 0; i < CHAIN_WORDS; i++)
        vec_push(c->p->e->arena, &c->p->chain, word[i]);
    c->count++;
}

static Step *step_at(const Chain *c, Operand x)
{
    return x.kind == AN_INST ? &c->p->step.v[x.at] : NULL;
}

/* ---- the way of a state ---- */

static bool holds_state(const Chain *c, Operand x)
{
    const Step *s = step_at(c, x);
    bool holds = x.kind == A_STATE;
    for (int i = 0; s && i < s->nin; i++)
        holds |= holds_state(c, s->in[i]);
    return holds;
}

static bool is_row(Operand x)
{
    return x.kind == AN_ARRAY && !x.own;
}

/* The product of a column, or a number, and a row. */
static bool is_term(const Chain *c, Operand x, Operand *column, Operand *row)
{
    const Step *s = step_at(c, x);
    if (!s || s->op != OP_mul || s->tail)
        return false;
    int k = s->in[0].kind == A_NUMBER ? 0 : 1;
    *column = s->in[k];
    *row = s->in[!k];
    return column->kind == A_NUMBER && is_row(*row);
}

/* Which operand of a link is the matrix on its way, -1: none is. */
static int on_way(const Chain *c, const Step *s)
{
    Operand column, row;
    for (int i = 0; i < s->nin; i++) {
        if (!holds_state(c, s->in[i]))
            continue;
        if (s->tail)
            return i;
        Operand other = s->in[!i];
        if (s->op == OP_mul)
            return other.kind == A_NUMBER || is_row(other) ? i : -1;
        if (s->op == OP_add || (s->op == OP_sub && i == 0))
            return is_term(c, other, &column, &row) ? i : -1;
    }
    return -1;
}

static void find_way(Chain *c, int body)
{
    Program *p = c->p;
    Way *w = &c->way[body];
    const Body *b = &p->body[body];
    p->at = body;
    w->scale = -1;
    c->fails |= b->state.n != 1 || b->state.v[0].maker < 0;
    if (c->fails)
        return;
    Operand x = operand(AN_INST, b->state.v[0].maker, 0);
    while (x.kind == AN_INST) {
        const Step *s = &p->step.v[x.at];
        int next = on_way(c, s);
        if (next < 0) {
            c->fails = true;
            return;
        }
        vec_push(p->e->arena, &w->link, x.at);
        x = s->in[next];
    }
    for (int i = 0, j = w->link.n - 1; i < j; i++, j--) {
        int link = w->link.v[i];
        w->link.v[i] = w->link.v[j];
        w->link.v[j] = link;
    }
    for (int i = 0; i < w->link.n; i++) {
        const Step *s = &p->step.v[w->link.v[i]];
        if (s->tail || s->op != OP_mul)
            continue;
        c->fails |= w->scale >= 0;
        w->scale = i;
        w->by = s->in[!on_way(c, s)];
    }
    int ignored; /* scales are needed before the first step */
    c->fails |= w->scale >= 0 && w->by.kind == A_NUMBER &&
                program_waits(p, w->by.val, &ignored);
}

/* ---- what reads look at ---- */

static bool same_array(Operand x, Operand y)
{
    return x.kind == AN_ARRAY && x.at == y.at;
}

/* What the body at hand means by matrix x; whether that is something to read.
 */
static bool find_view(Chain *c, Operand x, View *v)
{
    Program *p = c->p;
    const Way *w = &c->way[p->at];
    const Step *s = step_at(c, x);
    if (x.kind == A_STATE)
        return v->place = 0, true;
    for (int i = 0; s && i < w->link.n; i++)
        if (w->link.v[i] == x.at)
            return v->place = i + 1, true;
    if (s && s->op == OP_neg && !v->also) {
        v->minus = !v->minus;
        return find_view(c, s->in[0], v);
    }
    for (int i = 0; s && s->op == OP_add && !v->also && i < 2; i++)
        if (is_term(c, s->in[i], &v->s, &v->x)) {
            v->also = true;
            return find_view(c, s->in[!i], v);
        }
    if (s || p->room.n != 1 || p->at == 0)
        return false;
    int room = p->room.v[0].line;
    v->which = same_array(x, program_spare(p, room, true)) ? BEFORE : AFTER;
    return v->which == BEFORE ||
           same_array(x, program_spare(p, room + 1, true));
}

static bool is_matrix(Operand x)
{
    return x.kind != A_NUMBER && !is_row(x);
}

/* Whether read r sums the products of two matrices, and of which. */
static bool is_pair(const Chain *c, const Read *r, Operand *x, Operand *y)
{
    const Step *s = step_at(c, r->x);
    *x = r->x;
    *y = r->y;
    if (r->role == SWEEP_PAIRS || r->role == SWEEP_ALL)
        return true;
    if (r->role != SWEEP_SUMS || !s || s->op != OP_mul ||
        !is_matrix(s->in[0]) || !is_matrix(s->in[1]))
        return false;
    *x = s->in[0];
    *y = s->in[1];
    return true;
}

/* ---- a body ---- */

static void put_read(Chain *c, Read *r);
static void put_thin(Chain *c, int i);

/* Computes number v, if it waits for that. */
static void need_number(Chain *c, Val v)
{
    Program *p = c->p;
    int at;
    if (c->fails || v < 0 || !program_waits(p, v, &at))
        return;
    if (at >= 0) {
        put_thin(c, at);
        return;
    }
    for (int i = 0; i < p->read.n; i++) {
        Read *r = &p->read.v[i];
        if (!r->done && r->body == p->at && r->feeds &&
            sweep_overlap(p->e->s, r->k->out, v, p->bit))
            put_read(c, r);
    }
}

static void put_numbers(Chain *c, int code, Operand x)
{
    put(c, code, 0, x.at, x.own);
}

/* Operand of work on numbers. */
static Operand number(Chain *c, Operand x)
{
    Step *s = step_at(c, x);
    if (!s) {
        need_number(c, x.val);
        return x;
    }
    if (!s->done)
        put_thin(c, x.at);
    return operand(A_NUMBER, program_number(c->p, s), 1);
}

static void put_thin(Chain *c, int i)
{
    Step *s = &c->p->step.v[i];
    Operand x[2] = {{0}};
    for (int j = 0; j < s->nin; j++)
        x[j] = number(c, s->in[j]);
    c->fails |= s->op == OP_exp;
    if (c->fails || s->done)
        return;
    put_numbers(c, CHAIN_NUMBER, x[0]);
    put_numbers(c,
                s->op == OP_neg   ? CHAIN_MINUS_IT
                : s->op == OP_add ? CHAIN_PLUS
                : s->op == OP_sub ? CHAIN_LESS
                                  : CHAIN_TIMES,
                x[1]);
    put(c, CHAIN_KEEP, 0, program_number(c->p, s), 1);
    s->done = true;
}

static void put_view(Chain *c, const View *v)
{
    if (v->which != OWN)
        put(c, v->which == BEFORE ? CHAIN_BEFORE : CHAIN_AFTER, 0, 0, 0);
    if (v->also)
        put(c, CHAIN_ALSO, v->x.at, v->s.at, v->s.own);
    if (v->minus)
        put(c, CHAIN_MINUS, 0, 0, 0);
}

static void put_read(Chain *c, Read *r)
{
    Program *p = c->p;
    View v = {0};
    bool weighs = r->role == SWEEP_WEIGHS;
    c->fails |= (!weighs && r->role != SWEEP_DOTS) || !find_view(c, r->x, &v) ||
                (v.which == OWN && v.place != c->place);
    if (c->fails || r->done)
        return;
    if (weighs)
        need_number(c, r->k->in.v[0]);
    if (v.also)
        need_number(c, v.s.val);
    if (c->fails)
        return;
    Val by = r->k->in.v[0];
    int vector = program_place(p, by), out = program_place(p, r->k->out);
    put_view(c, &v);
    put(c, weighs ? CHAIN_WEIGHS : CHAIN_DOTS, weighs ? out : vector,
        weighs ? vector : out, 1);
    int way = c->way[0].link.n;
    Seen seen = {v.which == OWN ? p->at : 0,
                 v.which == OWN      ? v.place
                 : v.which == BEFORE ? 0
                                     : way,
                 r->role, by};
    vec_push(p->e->arena, &c->seen, seen);
    r->done = true;
}

/* The reads of the matrix where it is now; or, if `rest`, all others too. */
static void put_reads(Chain *c, bool rest)
{
    Program *p = c->p;
    for (int i = 0; i < p->read.n && !c->fails; i++) {
        Read *r = &p->read.v[i];
        Operand x, y;
        View v = {0};
        if (r->done || r->body != p->at || is_pair(c, r, &x, &y))
            continue;
        if (rest ||
            (find_view(c, r->x, &v) && v.which == OWN && v.place == c->place))
            put_read(c, r);
    }
}

static void put_link(Chain *c, const Step *s)
{
    Program *p = c->p;
    Operand column, row;
    int way = on_way(c, s);
    Operand other = s->in[!way];
    if (s->tail) {
        put(c, CHAIN_TAIL, s->tail->row, program_place(p, s->tail->in.v[1]), 0);
    } else if (s->op == OP_mul && is_row(other)) {
        put(c, CHAIN_COLUMNS, other.at, 0, 0);
    } else if (s->op == OP_mul) {
        put_numbers(c, CHAIN_SCALE, other);
    } else if (is_term(c, other, &column, &row)) {
        need_number(c, column.val);
        put(c, s->op == OP_add ? CHAIN_ADD : CHAIN_SUB, row.at, column.at,
            column.own);
        Term t = {p->at, c->place, column, row};
        vec_push(p->e->arena, &c->term, t);
    }
    c->place++;
}

static void put_state(Chain *c)
{
    Program *p = c->p;
    const Body *b = &p->body[p->at];
    const State *s = &b->state.v[0];
    bool ahead = b->dir > 0, again = program_room(p, s->base) >= 0;
    put(c, ahead ? CHAIN_STEPS : CHAIN_BACK,
        ahead ? program_place(p, s->start) : program_last_place(p, s->start), 0,
        0);
    if (s->kept && !again)
        put(c, CHAIN_START, program_place(p, s->kept->out), 0, 0);
    if (!again)
        put(c, CHAIN_END,
            ahead ? program_last_place(p, s->made) : program_place(p, s->made),
            0, 0);
}

static void put_body(Chain *c)
{
    Program *p = c->p;
    const Way *w = &c->way[p->at];
    const Body *b = &p->body[p->at];
    put_state(c);
    c->place = 0;
    for (int i = 0; i < w->link.n && !c->fails; i++) {
        put_reads(c, false);
        put_link(c, &p->step.v[w->link.v[i]]);
    }
    put_reads(c, false);
    const Kernel *last = b->state.v[0].last;
    if (last)
        put(c, CHAIN_LAST, program_place(p, last->out),
            program_place(p, last->in.v[1]), 0);
    for (int i = b->from; i < b->to && !c->fails; i++)
        if (p->step.v[i].thin && !p->step.v[i].done)
            put_thin(c, i);
    put_reads(c, true);
}

/* ---- pairs of the matrix and its gradient ---- */

/* Whether they are the same vector, which may be there twice. */
static bool same_vector(const Chain *c, Val a, Val b)
{
    const Value *v = c->p->e->s->val.v;
    while (v[a].kind == VAL_VIEW && v[a].spread)
        a = v[a].base;
    while (v[b].kind == VAL_VIEW && v[b].spread)
        b = v[b].base;
    return a == b || (v[a].ref && v[a].ref == v[b].ref &&
                      program_row(c->p, a) == program_row(c->p, b));
}

/* The read of the other matrix that says how term t changes the sum of
 * products; `place`: where on that one's way. */
static int read_of(const Chain *c, SweepRole pair, const Term *t, int place)
{
    for (int i = 0; i < c->seen.n; i++) {
        const Seen *r = &c->seen.v[i];
        bool dots = r->role == SWEEP_DOTS;
        if (r->matrix != t->body && r->place == place &&
            same_vector(c, r->vector, dots ? t->x.val : t->s.val) &&
            (pair == SWEEP_ALL || dots == (pair == SWEEP_PAIRS)))
            return i;
    }
    return -1;
}

/* Takes the sums past the terms of a body that stand before its scale, or
 * behind it. */
static void pass_terms(Chain *c, SweepRole pair, int body, bool before,
                       int place)
{
    for (int i = 0; i < c->term.n; i++) {
        const Term *t = &c->term.v[i];
        if (t->body != body || (t->place < c->way[body].scale) != before)
            continue;
        int read = read_of(c, pair, t, place);
        c->fails |= read < 0;
        put(c, body ? CHAIN_PAIR_LESS : CHAIN_PAIR_PLUS, i, read, 0);
    }
}

/* Whether such sums with the matrix scaled are those without, scaled. */
static bool scales_pair(SweepRole pair, Operand by)
{
    bool alike = by.kind == A_NUMBER && !by.own;
    return alike || (pair == SWEEP_PAIRS && by.kind == A_NUMBER) ||
           (pair == SWEEP_SUMS && is_row(by));
}

/* The first matrix before the step and the second before it is scaled. */
static void put_pair(Chain *c, Read *r, Operand x, Operand y)
{
    Program *p = c->p;
    View a = {0}, b = {0};
    const Way *first = &c->way[0], *second = &c->way[1];
    p->at = 1;
    c->fails |= p->bodies < 2 || r->body != 1 || first->scale != 0 ||
                second->scale < 0 || !scales_pair(r->role, first->by) ||
                first->by.kind != second->by.kind ||
                first->by.at != second->by.at || !find_view(c, x, &a) ||
                !find_view(c, y, &b);
    if (c->fails)
        return;
    const View *own = a.which == OWN ? &a : &b;
    const View *other = a.which == OWN ? &b : &a;
    c->fails |= own->which != OWN || other->which != BEFORE || a.also ||
                b.also || a.minus || b.minus || own->place != second->scale;
    int out = program_place(p, r->k->out);
    if (r->role == SWEEP_SUMS)
        put(c, CHAIN_PAIR_COLUMNS, out, 0, 0);
    else
        put(c, r->role == SWEEP_ALL ? CHAIN_PAIR_ALL : CHAIN_PAIR_LINES, 0, out,
            r->role == SWEEP_PAIRS);
    pass_terms(c, r->role, 1, false, 0);
    put(c, CHAIN_OUT, 0, 0, 0);
    pass_terms(c, r->role, 0, false, second->scale);
    pass_terms(c, r->role, 1, true, first->link.n);
    r->done = true;
}

static void put_pairs(Chain *c)
{
    Operand x, y;
    for (int i = 0; i < c->p->read.n && !c->fails; i++)
        if (is_pair(c, &c->p->read.v[i], &x, &y))
            put_pair(c, &c->p->read.v[i], x, y);
}

/* ---- programs ---- */

/* Whether no matrix has to be there at every step. */
static bool stores_none(const Program *p)
{
    for (int i = 0; i < p->step.n; i++) {
        const Step *s = &p->step.v[i];
        if (!s->thin && s->out >= 0 && s->room < 0)
            return false;
    }
    return true;
}

void chain_make(Program *p)
{
    Chain c = {.p = p};
    c.fails = !p->turn || p->turn > CHAIN_TURN || p->lines < SMALL ||
              p->length < SMALL || !stores_none(p) ||
              chain_room(p->lines, p->length) > MOST_ROOM;
    for (int i = 0; i < p->step.n; i++)
        p->step.v[i].done = false;
    for (int i = 0; i < p->read.n; i++)
        p->read.v[i].done = false;
    for (int i = 0; i < p->bodies && !c.fails; i++)
        find_way(&c, i);
    for (p->at = 0; p->at < p->bodies && !c.fails; p->at++)
        put_body(&c);
    put_pairs(&c);
    if (c.fails || c.count > CHAIN_MOST || c.term.n > CHAIN_READS ||
        c.seen.n > CHAIN_READS)
        p->chain.n = 0;
}

void chain_print(Program *p, const char *now, const char *steps)
{
    Emit *e = p->e;
    emit_line(e, "int64_t done;");
    emit_line(e, "{");
    e->indent++;
    emit_line(e, "static const int chain[] = {%s};",
              program_numbers(p, p->chain.v, p->chain.n));
    emit_line(e, "%s room[%lld];", e->real,
              (long long)chain_room(p->lines, p->length) + SWEEP_SPACE);
    emit_line(e,
              "%s(%lld, %lld, %s, %s, %d, chain, at, ahead, (%s "
              "*)(((int64_t)room + %d) & -%d), &done);",
              emit_kernel_name(e, "chain"), (long long)p->lines,
              (long long)p->length, now, steps, p->chain.n / CHAIN_WORDS,
              e->real, SWEEP_SPACE - 1, SWEEP_SPACE);
    emit_close(e);
}
