/* Groups of stages that run chunk by chunk along a time axis: the loop over the
 * chunks, and how steps and rows are counted inside it.  There the variable of
 * the axis counts from the first step of the chunk, and pointers point to its
 * first row; what is printed of a stage is the same as without chunks.
 * Likewise loops in time that take some sequences at a time. */
#include "emit.h"

static int group_axis(const Emit *e)
{
    return e->group ? cell_time(e->group->axis) : 0;
}

/* t0: the first step of the chunk. */
static const char *first_step(Emit *e)
{
    return arena_printf(e->arena, "%s0", emit_variable(group_axis(e)));
}

const char *emit_steps(const Emit *e, int axis)
{
    return axis && axis == group_axis(e) ? "steps" : emit_extent(axis);
}

const char *emit_now(Emit *e, int axis)
{
    const char *t = emit_variable(axis);
    return axis && axis == group_axis(e)
               ? arena_printf(e->arena, "%s + %s", first_step(e), t)
               : t;
}

const char *emit_rows_text(Emit *e, int axes)
{
    int own = group_axis(e);
    if (e->part && axes & CELL_B)
        return "sequences";
    if (!(axes & own))
        return rows_text(axes);
    return axes == own
               ? "steps"
               : arena_printf(e->arena, "steps*%s", rows_text(axes & ~own));
}

const char *emit_chunk_name(Emit *e, Val v, const char *name)
{
    const Loc *l = &e->p->loc[v];
    if (l->space != SP_WORK || l->chunk || emit_own_steps(l) ||
        !(l->axes & group_axis(e)))
        return name;
    for (Val i = 0; i < e->s->val.n && !e->chunk[v]; i++)
        if (e->chunk[i] && e->name[i] == name)
            e->chunk[v] = e->chunk[i];
    if (!e->chunk[v])
        e->chunk[v] = emit_fresh(e, arena_printf(e->arena, "%s_chunk", name));
    return e->chunk[v];
}

/* Chunks but for the one that is done first add to what is there.  Sums over
 * rows that are none over the steps of a group's axis have no such rows. */
const char *emit_later(const Emit *e, const Kernel *k)
{
    int summed = k->kind == KN_SUMA ? k->over : k->axes;
    return !(summed & group_axis(e)) ? "0"
           : e->group->dir > 0       ? "chunk > 0"
                                     : "chunk < chunks - 1";
}

/* The most steps that a chunk of the group has, but for turns. */
static const char *most_steps(Emit *e, const Group *g)
{
    return g->steps ? arena_printf(e->arena, "%lld", (long long)g->steps)
                    : arena_printf(e->arena, "(B < %lld ? %lld/B : 1)",
                                   (long long)g->rows, (long long)g->rows);
}

static const char *count_of(Emit *e, const Group *g, const char *most)
{
    return arena_printf(e->arena, "1 + (%s - 1)/%s",
                        emit_extent(cell_time(g->axis)), most);
}

const char *emit_chunk_count(Emit *e, const Group *g)
{
    return count_of(e, g, most_steps(e, g));
}

static void print_steps(Emit *e)
{
    const char *T = emit_extent(group_axis(e)), *t0 = first_step(e);
    emit_line(e, "const int64_t %s = %s*chunk/chunks;", t0, T);
    emit_line(e, "const int64_t steps = %s*(chunk + 1)/chunks - %s;", T, t0);
}

/* Chunks of about the same number of steps, or of whole turns. */
static void open_chunks(Emit *e)
{
    const Group *g = e->group;
    const char *T = emit_extent(group_axis(e)), *t0 = first_step(e);
    const char *most = most_steps(e, g);
    emit_line(e, "{");
    e->indent++;
    if (g->turn) {
        emit_line(e, "const int64_t most = (%s + %lld)/%lld*%lld;", most,
                  (long long)g->turn - 1, (long long)g->turn,
                  (long long)g->turn);
        most = "most";
    }
    emit_line(e, "const int64_t chunks = %s;", count_of(e, g, most));
    if (g->dir > 0)
        emit_open(e, "for (int64_t chunk = 0; chunk < chunks; chunk++)");
    else
        emit_open(e, "for (int64_t chunk = chunks - 1; chunk >= 0; chunk--)");
    if (g->turn) {
        emit_line(e, "const int64_t %s = chunk*most;", t0);
        emit_line(e, "const int64_t steps = %s - %s < most ? %s - %s : most;",
                  T, t0, T, t0);
        return;
    }
    print_steps(e);
}

/* Pointers to the first rows of the chunk, each once. */
static void print_pointers(Emit *e)
{
    for (Val v = 0; v < e->s->val.n; v++) {
        bool done = !e->chunk[v];
        for (Val i = 0; i < v && !done; i++)
            done = e->chunk[i] == e->chunk[v];
        if (!done)
            emit_line(e, "%s *const %s = %s + %s*%s;", e->real, e->chunk[v],
                      e->name[v], first_step(e),
                      emit_step(e, v, group_axis(e)));
    }
}

/* Stages v[0..n-1] for a chunk of group g that `open` has found, and which is
 * done `deep` levels further in. */
static void print_chunk(Emit *e, const Group *g, const Stage *v, int n,
                        void (*print)(Emit *e, const Stage *st),
                        void (*open)(Emit *e), int deep)
{
    Buf outer = e->body;
    e->group = g;
    e->chunk = NEW_N(e->arena, const char *, e->s->val.n + 1);
    buf_init(&e->body, e->arena);
    e->indent += deep;
    for (int i = 0; i < n; i++)
        print(e, &v[i]);
    e->indent -= deep;
    Buf inner = e->body;
    e->body = outer;
    open(e);
    print_pointers(e);
    buf_puts(&e->body, inner.s);
    while (deep--)
        emit_close(e);
    e->group = NULL;
}

int emit_group(Emit *e, const SchedFn *fn, int i,
               void (*print)(Emit *e, const Stage *st))
{
    const Stage *v = &fn->stage.v[i];
    int n = 1;
    while (i + n < fn->stage.n && v[n].group == v->group &&
           v[n].lane == v->lane)
        n++;
    print_chunk(e, &fn->group.v[v->group], v, n, print, open_chunks, 2);
    return i + n;
}

void emit_chunk(Emit *e, const Group *g, const Stage *st,
                void (*print)(Emit *e, const Stage *st))
{
    print_chunk(e, g, st, 1, print, print_steps, 0);
}

const char *emit_part_name(Emit *e, Val v, const char *name)
{
    const Loc *l = &e->p->loc[v];
    if (!(l->axes & CELL_B) || l->part || l->space == SP_CONST ||
        l->space == SP_TIME)
        return name;
    for (Val i = 0; i < e->s->val.n && !e->part[v]; i++)
        if (e->part[i] && e->name[i] == e->name[v])
            e->part[v] = e->part[i];
    if (!e->part[v])
        e->part[v] = emit_fresh(e, arena_printf(e->arena, "%s_part", name));
    return e->part[v];
}

/* Pointers to the rows of the first of the sequences, each once. */
static void print_parts(Emit *e, const char **part)
{
    for (Val v = 0; v < e->s->val.n; v++) {
        bool done = !part[v];
        for (Val i = 0; i < v && !done; i++)
            done = part[i] == part[v];
        if (!done)
            emit_line(e, "%s *const %s = %s + first*%s;", e->real, part[v],
                      emit_value_name(e, v), emit_step(e, v, CELL_B));
    }
}

void emit_part(Emit *e, const Stage *st,
               void (*print)(Emit *e, const Stage *st))
{
    Buf outer = e->body;
    const char **part = NEW_N(e->arena, const char *, e->s->val.n + 1);
    buf_init(&e->body, e->arena);
    e->part = part;
    e->indent++;
    print(e, st);
    e->indent--;
    e->part = NULL;
    Buf inner = e->body;
    e->body = outer;
    emit_open(e, "for (int64_t first = 0; first < B; first += %lld)",
              (long long)st->rows);
    emit_line(e,
              "const int64_t sequences = B - first < %lld ? B - first : %lld;",
              (long long)st->rows, (long long)st->rows);
    print_parts(e, part);
    buf_puts(&e->body, inner.s);
    emit_close(e);
}
