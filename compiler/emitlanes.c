/* Lanes in emitted code: a function for each, which does one chunk or all of
 * it, and the call of the run time that does the lanes of a section, in one
 * thread or several. */
#include "emit.h"

#include "../runtime/lanes.h"

#define TEXT(...) #__VA_ARGS__
#define EXPANDED(...) TEXT(__VA_ARGS__)
const EmitKernel emit_lanes_kernel = {"rt_lanes", EXPANDED(RT_LANES_PARAMS),
                                      NULL};

static const char *lane_name(Emit *e, int fn, int lane)
{
    return arena_printf(e->arena, "%s_%s_lane_%d", e->o->name,
                        fn == FN_FORWARD ? "forward" : "backward", lane);
}

/* The group with the chunks of its fine lanes. */
static Group *short_chunks(Emit *e, const Group *g)
{
    Group *s = NEW(e->arena, Group);
    *s = *g;
    s->rows = LANE_ROWS;
    return s;
}

static void print_lane(Emit *e, int fn, int i,
                       void (*print)(Emit *e, const Stage *st))
{
    const SchedFn *f = &e->s->fn[fn];
    const Stage *st = &f->stage.v[i];
    const Lane *l = &f->lane.v[st->lane - 1];
    if (l->fine) {
        const Group *g = short_chunks(e, &f->group.v[st->group]);
        emit_line(e, "const int64_t chunks = %s;", emit_chunk_count(e, g));
        if (g->dir > 0)
            emit_line(e, "const int64_t chunk = turn;");
        else
            emit_line(e, "const int64_t chunk = chunks - 1 - turn;");
        emit_chunk(e, g, st, print);
    } else if (st->group >= 0) {
        emit_group(e, f, i, print);
    } else {
        print(e, st);
    }
}

void emit_lane_functions(Emit *e, int fn, Buf *out,
                         void (*print)(Emit *e, const Stage *st))
{
    const SchedFn *f = &e->s->fn[fn];
    for (int i = 0, done = 0; i < f->stage.n; i++) {
        if (f->stage.v[i].lane <= done)
            continue;
        done = f->stage.v[i].lane;
        emit_begin(e, fn);
        print_lane(e, fn, i, print);
        buf_printf(out,
                   "static void %s(void *const *at, const int64_t *extent, "
                   "int64_t turn)\n{\n"
                   "    const void *const params = at[0];\n"
                   "    void *const grads = at[1], *const work = at[2];\n",
                   lane_name(e, fn, done));
        for (int k = 0; k < e->s->ntime; k++)
            buf_printf(out, "    const int64_t %s = extent[%d];\n",
                       emit_extent(cell_time(k)), k);
        buf_printf(out, "    const int64_t B = extent[%d];\n", e->s->ntime);
        emit_pointers(e, out);
        for (int k = 0; k < e->s->ntime; k++)
            buf_printf(out, "    (void)%s;\n", emit_extent(cell_time(k)));
        buf_puts(out, "    (void)B;\n    (void)turn;\n");
        e->style->locals(e, out);
        buf_printf(out, "%s}\n", e->body.s);
    }
}

/* A row of the table of lanes: what they wait for, how much it is. */
static void print_row(Emit *e, const char *name, const Lane *v, int n,
                      int64_t (*field)(const Lane *l))
{
    Buf b;
    buf_init(&b, e->arena);
    for (int i = 0; i < n; i++)
        buf_printf(&b, "%s%lld", i ? ", " : "", (long long)field(&v[i]));
    emit_line(e, "static const int64_t %s[] = {%s};", name, b.s);
}

static int64_t same_of(const Lane *l)
{
    return (int64_t)l->same;
}

static int64_t all_of(const Lane *l)
{
    return (int64_t)l->all;
}

static int64_t any_of(const Lane *l)
{
    return l->any;
}

static int64_t home_of(const Lane *l)
{
    return l->home;
}

static int64_t cost_of(const Lane *l)
{
    return (int64_t)l->cost;
}

static int64_t after_of(const Lane *l)
{
    return (int64_t)l->after;
}

/* How many chunks a lane has. */
static const char *turns(Emit *e, const SchedFn *f, const Stage *st)
{
    return f->lane.v[st->lane - 1].fine
               ? emit_chunk_count(e, short_chunks(e, &f->group.v[st->group]))
               : "1";
}

int emit_section(Emit *e, int i)
{
    const SchedFn *f = &e->s->fn[e->fn];
    int section = sched_section(f, &f->stage.v[i]), done = 0;
    const Section *x = &f->section.v[section];
    const Lane *v = &f->lane.v[x->first];
    Buf lane, chunks;
    buf_init(&lane, e->arena);
    buf_init(&chunks, e->arena);
    emit_use(e, emit_lanes_kernel.name);
    for (; i < f->stage.n && sched_section(f, &f->stage.v[i]) == section; i++) {
        const Stage *st = &f->stage.v[i];
        if (st->lane == done)
            continue;
        const char *comma = done ? ", " : "";
        done = st->lane;
        buf_printf(&lane, "%s%s", comma, lane_name(e, e->fn, done));
        buf_printf(&chunks, "%s%s", comma, turns(e, f, st));
    }
    emit_line(e, "{");
    e->indent++;
    emit_line(e,
              "static void (*const lane[])(void *const *, const int64_t *, "
              "int64_t) = {%s};",
              lane.s);
    print_row(e, "same", v, x->n, same_of);
    print_row(e, "all", v, x->n, all_of);
    print_row(e, "any", v, x->n, any_of);
    print_row(e, "home", v, x->n, home_of);
    print_row(e, "cost", v, x->n, cost_of);
    print_row(e, "after", v, x->n, after_of);
    emit_line(e, "const int64_t chunks[] = {%s};", chunks.s);
    emit_line(e, "void *const at[] = {(void *)params, grads, work};");
    emit_line(e, "const int64_t extent[] = {%s};", emit_extents(e, ""));
    emit_line(e,
              "%s(%d, lane, chunks, same, all, any, home, cost, after, at, "
              "extent);",
              emit_lanes_kernel.name, x->n);
    emit_close(e);
    return i;
}
