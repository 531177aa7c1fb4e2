/* Checks of figures, see expect.h. */
#include "expect.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text;
    int less, equal, more; /* what may be */
} relation[] = {{"<=", 1, 1, 0},
                {">=", 0, 1, 1},
                {"==", 0, 1, 0},
                {"<", 1, 0, 0},
                {">", 0, 0, 1}};
enum { RELATIONS = sizeof relation / sizeof *relation };

typedef struct Expect {
    size_t name; /* length of the name that it begins with */
    int relation;
    double limit;
} Expect;

/* The first relation in the text divides it. */
static int parse(const char *text, Expect *e)
{
    const char *at = NULL, *from = NULL;
    char *end = NULL;

    for (const char *p = text; *p && !at; p++)
        for (int k = 0; k < RELATIONS && !at; k++)
            if (!strncmp(p, relation[k].text, strlen(relation[k].text))) {
                at = p;
                e->relation = k;
                from = p + strlen(relation[k].text);
            }
    e->name = at ? (size_t)(at - text) : 0;
    while (e->name && text[e->name - 1] == ' ')
        e->name--;
    if (from)
        e->limit = strtod(from, &end);
    if (e->name && end != from && !end[strspn(end, " ")])
        return 0;
    say_error("--expect wants a figure, a relation and a number, as in "
              "'loss <= 0.5', found \"%s\"",
              text);
    return EXIT_USAGE;
}

/* The figure's value. */
static int find_value(const char *text, const Expect *e, ExpectFind *find,
                      void *user, double *v)
{
    char *name = strndup(text, e->name);
    int known = name && find(user, name, v);

    free(name);
    return known ? 0 : EXIT_USAGE;
}

int expect_check(const Flags *f, ExpectFind *find, void *user)
{
    const char *text;
    int code = 0;
    double unused;
    Expect e;

    for (int i = 0; !code && (text = flags_each(f, "expect", i)); i++) {
        code = parse(text, &e);
        if (!code && find)
            code = find_value(text, &e, find, user, &unused);
    }
    return code;
}

static int holds(const Expect *e, double v)
{
    return (relation[e->relation].less && v < e->limit) ||
           (relation[e->relation].equal && v == e->limit) ||
           (relation[e->relation].more && v > e->limit);
}

int expect_all(const Flags *f, ExpectFind *find, void *user, FILE *to)
{
    const char *text;
    int code = expect_check(f, NULL, NULL), bad;

    for (int i = 0; code != EXIT_USAGE && (text = flags_each(f, "expect", i));
         i++) {
        Expect e;
        double v;

        parse(text, &e);
        bad = find_value(text, &e, find, user, &v);
        if (bad)
            return bad;
        fprintf(to, "%.*s %.6g (wanted %s %g)%s\n", (int)e.name, text, v,
                relation[e.relation].text, e.limit,
                holds(&e, v) ? "" : "  <--");
        if (!holds(&e, v))
            code = EXIT_SHORT;
    }
    return code;
}
