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

int expect_check(const Flags *f)
{
    const char *text;
    int code = 0;
    Expect e;

    for (int i = 0; (text = flags_each(f, "expect", i)) && !code; i++)
        code = parse(text, &e);
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
    int code = expect_check(f);

    for (int i = 0; (text = flags_each(f, "expect", i)); i++) {
        Expect e;
        char *name;
        double v;

        if (code == EXIT_USAGE || parse(text, &e))
            return EXIT_USAGE;
        name = strndup(text, e.name);
        if (!name)
            return EXIT_BUG;
        if (!find(user, name, &v)) {
            free(name);
            return EXIT_USAGE;
        }
        fprintf(to, "%s %.6g (wanted %s %g)%s\n", name, v,
                relation[e.relation].text, e.limit,
                holds(&e, v) ? "" : "  <--");
        if (!holds(&e, v))
            code = EXIT_SHORT;
        free(name);
    }
    return code;
}
