/* Command lines, see flags.h. */
#include "flags.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Given {
    const Flag *flag;
    const char *value;
} Given;

struct Flags {
    const Verb *verb;
    const char *program;
    Given *given; /* in the order of the command line */
    int ngiven;
    const char **arg;
    int narg;
};

/* The flag of a verb whose name is the first n bytes of `name`. */
static const Flag *find(const Verb *verb, const char *name, size_t n)
{
    static const Flag help = {"help", NULL, NULL, NULL, "this text"};

    for (const Flag *const *t = verb->flag; *t; t++)
        for (const Flag *f = *t; f->name; f++)
            if (strlen(f->name) == n && !memcmp(f->name, name, n))
                return f;
    return n == 4 && !memcmp(name, "help", 4) ? &help : NULL;
}

static void unknown_flag(const Verb *verb, const char *program,
                         const char *word, size_t n)
{
    const char **name;
    const char *near;
    char *w = strndup(word, n);
    int count = 1;

    for (const Flag *const *t = verb->flag; *t; t++)
        for (const Flag *f = *t; f->name; f++)
            count++;
    name = malloc((size_t)count * sizeof *name);
    if (!name || !w) {
        free(name);
        free(w);
        say_error("out of memory");
        return;
    }
    count = 0;
    name[count++] = "help";
    for (const Flag *const *t = verb->flag; *t; t++)
        for (const Flag *f = *t; f->name; f++)
            name[count++] = f->name;
    near = flags_nearest(w, name, count);
    say_error("%s has no flag --%s%s%s%s", verb->name, w,
              near ? "; did you mean --" : "", near ? near : "",
              near ? "?" : "");
    fprintf(stderr, "  `%s %s --help` lists them\n", program, verb->name);
    free(name);
    free(w);
}

/* Reads the flag at argv[i]; returns how many words it took, or -1. */
static int take(Flags *f, int argc, char **argv, int i)
{
    const char *word = argv[i] + (argv[i][1] == '-' ? 2 : 1);
    size_t n = strcspn(word, "=");
    const Flag *flag = find(f->verb, word, n);
    const char *value = word[n] ? word + n + 1 : NULL;
    int taken = 1;

    if (!flag || (argv[i][1] != '-' && n != 1)) {
        unknown_flag(f->verb, f->program, word, n);
        return -1;
    }
    if (!flag->value && value) {
        say_error("--%s takes no value, found \"%s\"", flag->name, value);
        return -1;
    }
    if (flag->value && !value) {
        if (i + 1 >= argc) {
            say_error("%s needs a value: %s %s", argv[i], argv[i], flag->value);
            return -1;
        }
        value = argv[i + 1];
        taken = 2;
    }
    f->given[f->ngiven++] = (Given){flag, value};
    return taken;
}

static int count_args(const Flags *f)
{
    const Verb *v = f->verb;

    if (f->narg < v->min) {
        say_error("%s needs %s", v->name, v->args);
    } else if (v->max >= 0 && f->narg > v->max) {
        say_error("%s takes %s; \"%s\" is one too many", v->name,
                  *v->args ? v->args : "no argument", f->arg[v->max]);
    } else {
        return 0;
    }
    fprintf(stderr, "  `%s %s --help` shows its use\n", f->program, v->name);
    return EXIT_USAGE;
}

Flags *flags_parse(const Verb *verb, const char *program, int argc, char **argv,
                   int *code)
{
    Flags *f = calloc(1, sizeof *f);
    size_t room = (size_t)argc + 1;
    int plain = 0;

    *code = EXIT_USAGE;
    if (f) {
        f->verb = verb;
        f->program = program;
        f->given = calloc(room, sizeof *f->given);
        f->arg = calloc(room, sizeof *f->arg);
    }
    if (!f || !f->given || !f->arg) {
        say_error("out of memory");
        flags_free(f);
        *code = EXIT_BUG;
        return NULL;
    }
    for (int i = 0; i < argc;) {
        int n = 1;

        if (!plain && !strcmp(argv[i], "--"))
            plain = 1;
        else if (!plain && argv[i][0] == '-' && argv[i][1])
            n = take(f, argc, argv, i);
        else
            f->arg[f->narg++] = argv[i];
        if (n < 0) {
            flags_free(f);
            return NULL;
        }
        i += n;
    }
    if (flags_given(f, "help")) {
        flags_help(verb, program, stdout);
        *code = 0;
    } else if (!count_args(f)) {
        *code = 0;
        return f;
    }
    flags_free(f);
    return NULL;
}

void flags_free(Flags *f)
{
    if (f) {
        free(f->given);
        free(f->arg);
    }
    free(f);
}

const char *flags_program(const Flags *f)
{
    return f->program;
}

const char *flags_arg(const Flags *f, int i)
{
    return i < f->narg ? f->arg[i] : NULL;
}

const char *flags_each(const Flags *f, const char *name, int i)
{
    for (int g = 0; g < f->ngiven; g++)
        if (!strcmp(f->given[g].flag->name, name) && i-- == 0)
            return f->given[g].value ? f->given[g].value : "1";
    return NULL;
}

const char *flags_nth(const Flags *f, int i, const char **value)
{
    if (i >= f->ngiven)
        return NULL;
    *value = f->given[i].value;
    return f->given[i].flag->name;
}

int flags_given(const Flags *f, const char *name)
{
    int n = 0;

    while (flags_each(f, name, n))
        n++;
    return n;
}

const char *flags_get(const Flags *f, const char *name)
{
    int n = flags_given(f, name);
    const Flag *flag;

    if (n)
        return flags_each(f, name, n - 1);
    flag = find(f->verb, name, strlen(name));
    return flag ? flag->start : NULL;
}

int flags_real(const Flags *f, const char *name, double low, double high,
               double *v)
{
    const char *s = flags_get(f, name);
    char *end;
    double x;

    if (!s)
        return 0;
    x = strtod(s, &end);
    if (end == s || *end || isnan(x)) {
        say_error("--%s wants a number, found \"%s\"", name, s);
        return EXIT_USAGE;
    }
    if (x < low || x > high) {
        say_error("--%s wants a number from %g to %g, found %s", name, low,
                  high, s);
        return EXIT_USAGE;
    }
    *v = x;
    return 0;
}

int flags_long(const Flags *f, const char *name, long low, long high, long *v)
{
    const char *s = flags_get(f, name);
    char *end;
    long x;

    if (!s)
        return 0;
    errno = 0;
    x = strtol(s, &end, 10);
    if (end == s || *end || errno) {
        say_error("--%s wants a whole number, found \"%s\"", name, s);
        return EXIT_USAGE;
    }
    if (x < low || x > high) {
        say_error("--%s wants a whole number from %ld to %ld, found %ld", name,
                  low, high, x);
        return EXIT_USAGE;
    }
    *v = x;
    return 0;
}

int flags_chunk(const char *name, const char *text, long *every, long *back)
{
    long a = 0, b = 0;
    int n = 0, m = 0;

    if (!text)
        return 0;
    if (sscanf(text, " %ld %n", &a, &n) == 1 && n && !text[n])
        b = a;
    else if (sscanf(text, " ( %ld , %ld ) %n", &a, &b, &m) != 2 || !m ||
             text[m])
        a = 0;
    if (a < 1 || b < a) {
        say_error(
            "%s: steps of a chunk are wanted, as in 100, or (every, back) "
            "with back no smaller, as in '(10, 20)'; found \"%s\"",
            name, text);
        return EXIT_USAGE;
    }
    *every = a;
    *back = b;
    return 0;
}

const char *flags_pair(const Flags *f, const char *name, int i, int *n,
                       const char **text)
{
    const char *s = flags_each(f, name, i);
    const char *eq = s ? strchr(s, '=') : NULL;

    *n = 0;
    *text = s;
    if (!s)
        return NULL;
    if (!eq || eq == s || !eq[1]) {
        say_error("--%s wants NAME=VALUE, found \"%s\"", name, s);
        *n = -1;
        return s;
    }
    *n = (int)(eq - s);
    return eq + 1;
}
