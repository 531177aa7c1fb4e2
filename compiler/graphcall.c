/* C functions that a model calls by name (`extern fn`): found in this program
 * and the libraries it is linked with, so that the interpreter can call them
 * and a name that does not exist is told before any C is compiled. */
#include <ctype.h>
#include <dlfcn.h>
#include <math.h>
#include <string.h>

#include "graph.h"

typedef void Proc(void);

/* ISO C has no conversion from data to function pointers; POSIX promises that
 * their bits agree. */
static Proc *proc_named(const char *name)
{
    void *program = dlopen(NULL, RTLD_NOW), *p = NULL;
    Proc *f;
    if (program) {
        p = dlsym(program, name);
        dlclose(program);
    }
    memcpy(&f, &p, sizeof f);
    return f;
}

static bool is_made_of(const char *s, const char *also)
{
    if (!*s || isdigit((unsigned char)*s))
        return false;
    while (isalnum((unsigned char)*s) || (*s && strchr(also, *s)))
        s++;
    return !*s;
}

static const char *find(Graph *g, Called *c)
{
    size_t n = strlen(c->name);
    if (c->n < 1 || c->n > CALL_MOST)
        return "a C function takes 1 to 3 numbers here";
    if (!is_made_of(c->name, "_"))
        return "this is no name of a C function";
    if (!is_made_of(c->header, "_-+./"))
        return "this is no name of a header";
    Proc *named = proc_named(c->name);
    if (!named)
        return "no library that is linked has this function";
    if (c->name[n - 1] == 'f' && n > 1) {
        c->wide = arena_strndup(g->arena, c->name, n - 1);
        c->proc = proc_named(c->wide);
    }
    if (!c->proc) {
        c->wide = c->name;
        c->proc = named;
    }
    return NULL;
}

int graph_call(Graph *g, const char *name, const char *header, int n,
               const char **wrong)
{
    Called c = {name, NULL, header, n, NULL};
    *wrong = NULL;
    for (int i = 0; i < g->call.n; i++) {
        const Called *old = &g->call.v[i];
        if (strcmp(old->name, name) != 0)
            continue;
        if (old->n == n && !strcmp(old->header, header))
            return i;
        *wrong = "it is declared otherwise before";
        return -1;
    }
    *wrong = find(g, &c);
    if (*wrong)
        return -1;
    vec_push(g->arena, &g->call, c);
    return g->call.n - 1;
}

double graph_call_value(const Graph *g, int call, const double *x)
{
    const Called *c = &g->call.v[call];
    switch (c->n) {
    case 1:
        return ((double (*)(double))c->proc)(x[0]);
    case 2:
        return ((double (*)(double, double))c->proc)(x[0], x[1]);
    case 3:
        return ((double (*)(double, double, double))c->proc)(x[0], x[1], x[2]);
    default:
        return NAN;
    }
}

Ref graph_unsaid(const Graph *g)
{
    Arena *tmp = arena_new(NULL);
    Order o = graph_order(g, tmp);
    Ref found = 0;
    for (int i = 0; i < o.n && !found; i++)
        if (NODE(g, o.v[i])->op == OP_CALL && NODE(g, o.v[i])->b)
            found = o.v[i];
    arena_free(tmp);
    return found;
}
