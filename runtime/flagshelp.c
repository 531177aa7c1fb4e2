/* Help for command lines, did-you-mean, and the way from a program's arguments
 * to the verb; see flags.h. */
#include "call.h"
#include "flags.h"

#include <stdlib.h>
#include <string.h>

const char *flags_nearest(const char *word, const char *const *name, int n)
{
    return call_nearest(word, name, n, sizeof *name);
}

static const Flag help = {"help", NULL, NULL, NULL, "this text"};

/* A row of the table: "  --dim NAME=SIZE   text [default; source]". */
static void help_flag(const Flag *f, size_t width, FILE *to)
{
    size_t n = strlen(f->name) + (f->name[1] ? 2 : 1);
    char *text = rt_printf("%s [%s%s; %s%s%scommand line]", f->help,
                           f->start   ? "default "
                           : f->value ? "no default"
                                      : "off",
                           f->start ? f->start : "", f->from ? "spec (" : "",
                           f->from ? f->from : "", f->from ? "), " : "");

    fprintf(to, "  %s%s", f->name[1] ? "--" : "-", f->name);
    if (f->value) {
        fprintf(to, " %s", f->value);
        n += strlen(f->value) + 1;
    }
    fprintf(to, "%*s", (int)(width > n ? width - n : 0) + 2, "");
    n = (width > n ? width : n) + 4;
    say_wrapped(text ? text : f->help, n, n < width + 4 ? n : width + 4,
                SAY_COLUMNS, to);
    free(text);
}

void flags_help(const Verb *verb, const char *program, FILE *to)
{
    size_t width = 6, n;

    fprintf(to, "usage: %s %s%s%s [FLAGS]\n\n%s\n", program, verb->name,
            *verb->args ? " " : "", verb->args, verb->summary);
    for (const Flag *const *t = verb->flag; *t; t++)
        for (const Flag *f = *t; f->name; f++) {
            if (!f->help)
                continue;
            n = strlen(f->name) + 2 + (f->value ? strlen(f->value) + 1 : 0);
            if (n > width && n <= 26)
                width = n;
        }
    fprintf(to,
            "\nflags [default; sources of a value, the last one counts]:\n");
    for (const Flag *const *t = verb->flag; *t; t++)
        for (const Flag *f = *t; f->name; f++)
            if (f->help)
                help_flag(f, width, to);
    help_flag(&help, width, to);
    fprintf(to, "\nexamples:\n");
    for (int i = 0; i < 2; i++)
        fprintf(to, "  %s %s\n", program, verb->example[i]);
}

static void help_all(const Verb *const *verbs, const char *program,
                     const char *about, const char *more, FILE *to)
{
    enum { ARGS = 20 }; /* longer ones push their summary aside */
    int name = 0, args = 0;

    fprintf(to, "%s\n\nusage: %s VERB [FLAGS] ...\n\n", about, program);
    for (const Verb *const *v = verbs; *v; v++) {
        int n = (int)strlen((*v)->name), m = (int)strlen((*v)->args);
        name = n > name ? n : name;
        args = m > args && m <= ARGS ? m : args;
    }
    for (const Verb *const *v = verbs; *v; v++)
        fprintf(to, "  %-*s  %-*s  %s\n", name, (*v)->name, args, (*v)->args,
                (*v)->summary);
    fprintf(to,
            "\n%s  `%s VERB --help` shows a verb's flags and two examples;\n"
            "  `-` is standard input\n",
            more, program);
}

static int unknown_verb(const Verb *const *verbs, const char *program,
                        const char *word)
{
    const char **name;
    const char *near = NULL;
    int n = 0;

    while (verbs[n])
        n++;
    name = malloc((size_t)n * sizeof *name);
    for (int i = 0; name && i < n; i++)
        name[i] = verbs[i]->name;
    if (name)
        near = flags_nearest(word, name, n);
    free(name);
    say_error("there is no verb \"%s\"%s%s%s", word,
              near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    fprintf(stderr, "  `%s --help` lists the verbs\n", program);
    return EXIT_USAGE;
}

int flags_main(const Verb *const *verbs, const char *about, const char *more,
               const char *version, int argc, char **argv, void *user)
{
    const char *program = argc ? strrchr(argv[0], '/') : NULL;
    int code;
    Flags *f;

    program = program ? program + 1 : argc ? argv[0] : "cellc";
    if (argc < 2) {
        help_all(verbs, program, about, more, stderr);
        return EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        help_all(verbs, program, about, more, stdout);
        return say_end(EXIT_DONE);
    }
    if (!strcmp(argv[1], "--version")) {
        printf("%s\n", version);
        return say_end(EXIT_DONE);
    }
    for (const Verb *const *v = verbs; *v; v++)
        if (!strcmp((*v)->name, argv[1])) {
            f = flags_parse(*v, program, argc - 2, argv + 2, &code);
            if (f)
                code = (*v)->run(f, user);
            flags_free(f);
            return say_end(code);
        }
    return unknown_verb(verbs, program, argv[1]);
}
