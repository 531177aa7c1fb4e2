/* A model with one instance of a cell, so that the cell can be checked: its
 * arguments and inputs are read off the first lines of its text. */
#include "drv.h"

#include <stdlib.h>
#include <string.h>

/* Adds text to *s (malloc'd); NULL and staying so without memory. */
static void add(char **s, const char *more, size_t n)
{
    char *old = *s;

    if (old)
        *s = rt_printf("%s%.*s", old, (int)n, more);
    free(old);
}

static int is_word(const char *s, size_t n, const char *word)
{
    return strlen(word) == n && !memcmp(s, word, n);
}

static const char *skip(const char *s)
{
    return s + strspn(s, " \t\n");
}

/* Where a statement begins with this word, comments passed over; or NULL. */
static const char *statement(const char *s, const char *word)
{
    size_t n = strlen(word);

    while (*(s = skip(s)) && strncmp(s, word, n)) {
        s += strcspn(s, *s == '#' ? "\n" : "#{;\n");
        s += *s && *s != '#';
    }
    return *s ? s : NULL;
}

/* Length of an item of a list: up to a comma or the end, brackets skipped. */
static size_t item_length(const char *s)
{
    int depth = 0;
    size_t n = 0;

    for (; s[n]; n++) {
        if (depth == 0 && strchr(",;\n)}", s[n]))
            break;
        depth += strchr("([", s[n]) ? 1 : strchr(")]", s[n]) ? -1 : 0;
    }
    return n;
}

/* The arguments in "cell NAME(...)", or "". */
static const char *arguments(const char *text)
{
    const char *p = statement(text, "cell ");

    p = p ? p + strcspn(p, "({\n") : "";
    return *p == '(' ? p + 1 : "";
}

/* A cell or a probability, no size. */
static int is_other(const char *word, size_t n)
{
    return is_word(word, n, "f") || is_word(word, n, "p");
}

/* The argument at *p, which becomes what is behind it, with its length and that
 * of its name; NULL behind the last. */
static const char *next_argument(const char **p, size_t *all, size_t *word)
{
    const char *here;

    if (!**p || **p == ')')
        return NULL;
    here = skip(*p);
    *all = item_length(here);
    *word = strcspn(here, " =,)\n");
    *p = here + *all + (here[*all] == ',');
    return here;
}

/* Whether an argument of the cell is called n. */
static int has_n(const char *text)
{
    const char *p = arguments(text), *a;
    size_t all, word;
    int has = 0;

    while ((a = next_argument(&p, &all, &word)))
        has |= is_word(a, word, "n");
    return has;
}

/* What a size without a default is here: the number of units if it is called n,
 * or comes first where none is, or is called v, else a few: states of a memory,
 * groups. */
static const char *units_of(const char *word, size_t n, int first,
                            const char *text, const char *units)
{
    int all = has_n(text) ? is_word(word, n, "n") : first;

    return all || is_word(word, n, "v") ? units : "4";
}

/* A value for each argument without a default: a cell for f, a probability for
 * p, a number for all others. */
char *drv_call_of(const char *name, const char *text, const char *units)
{
    const char *p = arguments(text), *a;
    char *call = rt_printf("%s", name);
    int n = 0, sizes = 0, any = *p != 0;
    size_t all, word;

    while ((a = next_argument(&p, &all, &word))) {
        char *inner;
        const char *value;

        if (memchr(a, '=', all))
            continue;
        inner = rt_printf("rnn(%s)", units);
        value = is_word(a, word, "f") ? inner
                : is_word(a, word, "p")
                    ? "0.3"
                    : units_of(a, word, !sizes, text, units);
        add(&call, n ? ", " : "(", 2);
        n++;
        sizes += !is_other(a, word);
        if (inner)
            add(&call, value, strlen(value));
        free(inner);
    }
    if (n)
        add(&call, ")", 1);
    else if (any)
        add(&call, "()", 2);
    return call;
}

/* What an argument of the cell is here: its default, or as drv_call_of has it;
 * with its length, or NULL where no argument is called so. */
static const char *argument_value(const char *text, const char *word, size_t n,
                                  const char *units, size_t *length)
{
    const char *p = arguments(text), *a;
    size_t all, name;
    int before = 0;

    while ((a = next_argument(&p, &all, &name))) {
        const char *given = memchr(a, '=', all);

        if (name == n && !memcmp(a, word, n)) {
            const char *value =
                given ? given + 1 : units_of(a, name, !before, text, units);

            *length = given ? (size_t)(a + all - given) - 1 : strlen(value);
            return value;
        }
        before += !given && !is_other(a, name);
    }
    return NULL;
}

/* A size of the cell's input in numbers, as far as they are known: a name that
 * stands alone may stay open, one in a formula is 3. */
static void add_size(char **to, const char *p, size_t n, const char *text,
                     const char *units)
{
    int alone = strcspn(p, "+-*/(") >= n;

    for (size_t i = 0, word; i < n; i += word) {
        size_t length = 0;
        const char *value;

        word = strcspn(p + i, "+-*/() ");
        word = word < n - i ? word : n - i;
        if (!word) {
            add(to, p + i, word = 1);
            continue;
        }
        value = argument_value(text, p + i, word, units, &length);
        if (value)
            add(to, value, length);
        else if (alone || strchr("0123456789", p[i]))
            add(to, p + i, word);
        else
            add(to, "3", 1);
    }
}

/* What the cell calls time axes of its own: the list after its `time`, or "".
 */
static const char *own_axes(const char *text)
{
    const char *own = statement(text, "time ");
    const char *next = strstr(text, "\ncell ");

    return own && (!next || own < next) ? own + 5 : "";
}

static int is_own(const char *own, const char *word, size_t n)
{
    for (size_t all; *own && !strchr(";\n}", *own); own += all) {
        own += strspn(own, ", ");
        all = strcspn(own, ", ;\n}");
        if (all == n && !memcmp(own, word, n))
            return 1;
    }
    return 0;
}

/* One input of the cell as an input of the model: "x[m]" gives "x[t, m]",
 * "i in words" "i[t] in words", over an axis of its own "k[u, m]" itself. */
static void add_input(char **to, const char *item, size_t n, const char *text,
                      const char *units, int square)
{
    size_t word = strcspn(item, " [,;\n}");
    const char *open = memchr(item, '[', n), *p, *own = own_axes(text);
    int timed = open && is_own(own, open + 1, strcspn(open + 1, ",]"));

    add(to, item, word);
    add(to, "[t", timed ? 1 : 2);
    for (p = open ? open + 1 : NULL; p && *p && *p != ']';) {
        size_t length;

        p = skip(p);
        length = strcspn(p, ",]");
        add(to, ", ", timed ? 0 : 2);
        timed = 0;
        if (is_own(own, p, length))
            add(to, p, length);
        else if (square || *p == '.')
            add(to, units, strlen(units));
        else
            add_size(to, p, length, text, units);
        p += length + (p[length] == ',');
    }
    add(to, "]", 1);
    p = open ? strchr(open, ']') + 1 : item + word;
    add(to, p, (size_t)(item + n - p));
}

/* Whether the sizes of all inputs must be equal: what a cell is put into, or
 * what it is put around, gives back as much as it takes; in a stack the first
 * of several inputs becomes another layer's output. */
static int is_square(const char *text, const char *wrap, const char *inputs)
{
    size_t first = item_length(inputs), n;

    return strstr(wrap, "residual") || argument_value(text, "f", 1, "", &n) ||
           (strstr(wrap, "stack") && inputs[first] == ',');
}

char *drv_spec_around(const char *before, const char *name, const char *text,
                      const char *wrap, const char *units)
{
    char *call = drv_call_of(name, text, units);
    char *inputs = rt_printf("%s", ""), *names = rt_printf("%s", ""), *spec;
    const char *hole = strchr(wrap, '%'), *p = statement(text, "input ");
    const char *own = own_axes(text);
    int square, n = 0;

    p = p ? p + 6 : "";
    square = is_square(text, wrap, p);
    while (*p && !strchr(";\n}", *p)) {
        size_t all;

        p += strspn(p, " ");
        all = item_length(p);
        if (*p == '.') { /* further inputs: none */
            p += all + (p[all] == ',');
            continue;
        }
        add(&inputs, ", ", n ? 2 : 0);
        add(&names, ", ", n++ ? 2 : 0);
        add_input(&inputs, p, all, text, units, square);
        add(&names, p, strcspn(p, " [,;\n}"));
        p += all + (p[all] == ',');
    }
    spec = call && inputs && names
               ? rt_printf("%s\n%s%.*s\ninput %s\nvalue = %.*s%s%s(%s)\n"
                           "output value\n",
                           before, *own ? "time t, " : "",
                           (int)strcspn(own, ";\n}"), own, inputs,
                           (int)(hole ? hole - wrap : 0), wrap, call,
                           hole ? hole + 1 : "", names)
               : NULL;
    free(call);
    free(inputs);
    free(names);
    return spec;
}
