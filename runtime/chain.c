/* Programs that take matrices through the steps of a turn by products
 * (chain.inc), for every instruction set.  What a program consists of is the
 * same for all of them and found here. */
#include "isa.h"
#include "chain.h"

enum { TURN = CHAIN_TURN, OWN = -1, NONE = -1 };

/* A body: its operations; the one that scales, or NONE; which terms are its. */
typedef struct Body {
    int64_t from, to, scale;
    int back, columns; /* columns: these are scaled, not lines, or all alike */
    int term, terms;
} Body;

/* A read, from what modifies it on. */
typedef struct Read {
    int64_t first, op;
    int body, of; /* of: the body whose matrix it reads, */
    int when;     /* CHAIN_BEFORE or CHAIN_AFTER the step, or OWN: as it is */
    int sign, columns; /* columns: it is a sum of lines */
} Read;

typedef struct Term {
    int64_t op;
    int body, sign;
} Term;

typedef struct Plan {
    const int *code;
    Body body[CHAIN_BODIES];
    Read read[CHAIN_READS];
    Term term[CHAIN_READS];
    int bodies, reads, terms;
    int64_t pairs, count; /* where those begin, and all ends */
} Plan;

static const int *word(const Plan *p, int64_t op)
{
    return p->code + op * CHAIN_WORDS;
}

static void add_body(Plan *p, int64_t op)
{
    Body *const b = p->body + p->bodies++;
    *b = (Body){.from = op + 1, .to = op + 1, .scale = NONE, .term = p->terms};
    b->back = word(p, op)[0] == CHAIN_BACK;
}

static void add_read(Plan *p, int64_t op)
{
    Read *const r = p->read + p->reads++;
    *r = (Read){.first = op, .op = op, .when = OWN, .sign = 1};
    r->body = r->of = p->bodies - 1;
    r->columns = word(p, op)[0] == CHAIN_WEIGHS;
    for (; r->first > 0; r->first--) {
        const int code = word(p, r->first - 1)[0];
        if (code < CHAIN_BEFORE || code > CHAIN_MINUS)
            break;
        if (code == CHAIN_MINUS)
            r->sign = -r->sign;
        else if (code != CHAIN_ALSO) {
            r->of = 0;
            r->when = code;
        }
    }
}

/* False if the program has more than there is room for. */
static int make_plan(Plan *p, int64_t count, const int *code)
{
    *p = (Plan){.code = code, .pairs = count, .count = count};
    for (int64_t i = 0; i < p->pairs; i++) {
        const int what = word(p, i)[0];
        const int begins = what == CHAIN_STEPS || what == CHAIN_BACK;
        const int term = what == CHAIN_ADD || what == CHAIN_SUB;
        const int read = what == CHAIN_DOTS || what == CHAIN_WEIGHS;
        if ((begins && p->bodies == CHAIN_BODIES) ||
            (term && p->terms == CHAIN_READS) ||
            (read && p->reads == CHAIN_READS))
            return 0;
        if (what >= CHAIN_PAIR_LINES) {
            p->pairs = i;
            break;
        }
        if (begins)
            add_body(p, i);
        Body *const b = p->body + p->bodies - 1;
        if (term) {
            p->term[p->terms++] =
                (Term){i, p->bodies - 1, what == CHAIN_ADD ? 1 : -1};
            b->terms++;
        }
        if (read)
            add_read(p, i);
        if (what == CHAIN_SCALE || what == CHAIN_COLUMNS) {
            b->scale = i;
            b->columns = what == CHAIN_COLUMNS || !word(p, i)[4];
        }
        b->to = i + 1;
    }
    int heads = 0;
    for (int64_t i = p->pairs; i < count; i++)
        heads += word(p, i)[0] < CHAIN_OUT;
    return p->bodies > 0 && count <= CHAIN_MOST && heads <= CHAIN_PAIRS;
}

/* The step of a body's number `tau`; and back. */
static int64_t turned(const Body *b, int64_t steps, int64_t tau)
{
    return b->back ? steps - 1 - tau : tau;
}

/* How many times a matrix has been scaled where operation `op` of its own is
 * done the time `tau`. */
static int64_t scaled(const Body *b, int64_t op, int64_t tau)
{
    return tau + (b->scale != NONE && b->scale < op);
}

/* The time, in the order of the matrix it reads, of a read's time `tau`. */
static int64_t seen(const Plan *p, const Read *r, int64_t steps, int64_t tau)
{
    if (r->when == OWN)
        return tau;
    return turned(p->body + r->of, steps,
                  turned(p->body + r->body, steps, tau));
}

/* How many times term x of that matrix has been added where it is read at that
 * time of its own. */
static int64_t added(const Read *r, const Term *x, int64_t tau)
{
    return tau + (r->when == OWN ? x->op < r->op : r->when == CHAIN_AFTER);
}

/* How many times that matrix has been scaled there. */
static int64_t scaled_at(const Body *b, const Read *r, int64_t tau)
{
    return r->when == OWN ? scaled(b, r->op, tau)
                          : tau + (r->when == CHAIN_AFTER);
}

/* The sign that an ALSO of the read `to` has by what stands between them. */
static int sign_behind(const Plan *p, int64_t op, int64_t to)
{
    int sign = 1;
    for (; op < to; op++)
        if (word(p, op)[0] == CHAIN_MINUS)
            sign = -sign;
    return sign;
}

#define TEMPLATE "chain.inc"
#include "each_isa.h"
