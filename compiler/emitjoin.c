/* Which strip kernels a fused cluster is done with.  Each operation has one,
 * and the JOIN rows of strips.def stand for several that follow one another; a
 * matcher, which knows nothing but those rows, puts them in wherever they fit.
 * Results stay the same to the last bit.  Needs a FUSED kernel; emitstrips.c
 * prints what comes out. */
#include "emit.h"

#include <ctype.h>
#include <string.h>

#include "ops.h"

/* A row of strips.def, its text taken apart: the operator or operand at the
 * top first, then the terms beneath it, those of the first operand first. */
enum { MOST_TERMS = 24 };
typedef struct Term {
    Op op;      /* OP_NONE: an operand; OP_CONST: the number 1 */
    int letter; /* operand: 0 is a */
    int nin, in[2];
    bool free; /* costs nothing to compute once more */
} Term;

typedef struct Pattern {
    const char *kernel;
    int nterm, nop, nin;
    Term term[MOST_TERMS];
} Pattern;

typedef struct Join {
    Emit *e;
    const Kernel *k;
    StripCall *call; /* one per Inst */
} Join;

/* A pattern laid on the operations that end in inst `root`. */
typedef struct Match {
    Join *j;
    const Pattern *p;
    int root;
    int at[MOST_TERMS];          /* what each term stands on, as Inst.in */
    int operand[STRIP_OPERANDS]; /* as Inst.in */
    bool bound[STRIP_OPERANDS];
} Match;

/* ---- reading the rows ---- */

static const char *read_term(Pattern *p, const char *s)
{
    Term *t = &p->term[p->nterm++];
    size_t n = 0;
    memset(t, 0, sizeof *t);
    while (isalnum((unsigned char)s[n]))
        n++;
    if (s[n] != '(') {
        t->op = *s == '1' ? OP_CONST : OP_NONE;
        t->letter = *s - 'a';
        if (t->op == OP_NONE && p->nin <= t->letter)
            p->nin = t->letter + 1;
        return s + n;
    }
    char name[16] = {0};
    memcpy(name, s, n < sizeof name ? n : sizeof name - 1);
    t->op = op_find(name);
    p->nop++;
    for (s += n; *s != ')'; t->nin++) {
        s += strspn(s, "(, ");
        t->in[t->nin] = p->nterm;
        s = read_term(p, s);
    }
    bool number = t->nin == 2 && p->term[t->in[0]].op == OP_CONST;
    t->free = number && p->term[t->in[1]].op == OP_NONE;
    return s + 1;
}

/* The rows whose operation at the top is `op`, read when first needed. */
typedef VEC(Pattern) Patterns;

static const Patterns *patterns(Emit *e)
{
    if (e->pattern)
        return e->pattern;
    Patterns *all = NEW(e->arena, Patterns);
    for (const EmitKernel *k = emit_kernels; k->name; k++)
        if (k->of) {
            Pattern p = {k->name, 0, 0, 0, {{0}}};
            read_term(&p, k->of);
            vec_push(e->arena, all, p);
        }
    e->pattern = all;
    return all;
}

/* ---- matching ---- */

static bool is_one(const Join *j, int in)
{
    if (in >= 0)
        return false;
    const Loc *l = &j->e->p->loc[j->k->in.v[~in]];
    return l->space == SP_CONST && l->num == 1;
}

/* Whether the operation at `in` may be drawn in by one of width n. */
static bool is_inner(const Match *m, const Term *t, int in)
{
    const Inst *i = &m->j->k->inst.v[in];
    const StripCall *c = &m->j->call[in];
    bool own = c->uses == 1 && i->out < 0;
    return (own || t->free) && c->n == m->j->call[m->root].n;
}

static bool match(Match *m, int i);

/* Term i is the operator of instruction `in`; its operands may lie the other
 * way round where that rounds alike. */
static bool match_op(Match *m, int i, int in)
{
    const Term *t = &m->p->term[i];
    if (in < 0 || m->j->k->inst.v[in].op != t->op ||
        (i > 0 && !is_inner(m, t, in)))
        return false;
    const int *x = m->j->k->inst.v[in].in;
    bool swap = t->op == OP_add || t->op == OP_mul;
    for (int turn = 0; turn <= swap; turn++) {
        for (int k = 0; k < t->nin; k++)
            m->at[t->in[k]] = x[turn ? !k : k];
        if (match(m, i + 1))
            return true;
    }
    return false;
}

/* Terms i and after. */
static bool match(Match *m, int i)
{
    if (i == m->p->nterm)
        return true;
    const Term *t = &m->p->term[i];
    int in = m->at[i];
    if (t->op == OP_CONST)
        return is_one(m->j, in) && match(m, i + 1);
    if (t->op != OP_NONE)
        return match_op(m, i, in);
    if (m->bound[t->letter])
        return m->operand[t->letter] == in && match(m, i + 1);
    m->bound[t->letter] = true;
    m->operand[t->letter] = in;
    if (match(m, i + 1))
        return true;
    m->bound[t->letter] = false;
    return false;
}

/* ---- replacing ---- */

static void use(Join *j, const int *in, int n, int by)
{
    for (int i = 0; i < n; i++)
        if (in[i] >= 0)
            j->call[in[i]].uses += by;
}

/* What nobody uses any more goes, and what only that used. */
static void drop_unused(Join *j, const int *in, int n)
{
    for (int i = 0; i < n; i++) {
        StripCall *c = in[i] >= 0 ? &j->call[in[i]] : NULL;
        if (!c || c->uses || !c->kernel || j->k->inst.v[in[i]].out >= 0)
            continue;
        c->kernel = NULL;
        use(j, c->in, c->nin, -1);
        drop_unused(j, c->in, c->nin);
    }
}

static void become(Join *j, StripCall *c, const Match *m)
{
    StripCall was = *c;
    c->kernel = m->p->kernel;
    c->nin = m->p->nin;
    memcpy(c->in, m->operand, sizeof c->in);
    use(j, c->in, c->nin, 1);
    use(j, was.in, was.nin, -1);
    drop_unused(j, was.in, was.nin);
}

/* Whether row p serves better than q, if there is one. */
static bool is_better(const Pattern *p, const Pattern *q)
{
    return !q || p->nop > q->nop || (p->nop == q->nop && p->nin < q->nin);
}

/* The row that draws in most, with the fewest operands. */
static void join(Join *j, int root)
{
    const Patterns *all = patterns(j->e);
    Match best = {0}, m;
    for (int i = 0; i < all->n; i++) {
        const Pattern *p = &all->v[i];
        if (p->term[0].op != j->k->inst.v[root].op || !is_better(p, best.p))
            continue;
        memset(&m, 0, sizeof m);
        m.j = j;
        m.p = p;
        m.root = m.at[0] = root;
        if (match(&m, 0))
            best = m;
    }
    if (best.p)
        become(j, &j->call[root], &best);
}

static int64_t width_of(const Join *j, int in)
{
    if (in >= 0)
        return j->call[in].n;
    return j->e->p->loc[j->k->in.v[~in]].n == 1 ? 1 : j->k->n;
}

/* One call for each instruction, then the joined ones, users first. */
StripCall *emit_join(Emit *e, const Kernel *k)
{
    int count = k->inst.n;
    Join j = {e, k, NEW_N(e->arena, StripCall, count)};
    for (int i = 0; i < count; i++) {
        const Inst *in = &k->inst.v[i];
        StripCall *c = &j.call[i];
        bool same = in->op == OP_stopgrad || in->op == OP_clipgrad;
        c->kernel = same ? "copy" : op_row[in->op].name;
        c->nin = same ? 1 : in->nin;
        memcpy(c->in, in->in, sizeof in->in);
        c->n = in->out >= 0 && e->p->loc[in->out].n > 1 ? k->n : 1;
        for (int i2 = 0; i2 < c->nin; i2++)
            if (width_of(&j, c->in[i2]) > c->n)
                c->n = k->n;
        use(&j, c->in, c->nin, 1);
    }
    for (int i = count - 1; i >= 0; i--)
        if (j.call[i].kernel)
            join(&j, i);
    return j.call;
}
