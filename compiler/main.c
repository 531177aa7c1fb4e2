/* The command line: which verb, and the flags that stand for none.  The verbs
 * are in verbs/; nothing here or there can do what cellc.h cannot. */
#include "verbs/drv.h"

#include <string.h>

static const Verb *const verbs[] = {
    &drv_check, &drv_info,      &drv_fmt,      &drv_cells,
    &drv_show,  &drv_run,       &drv_emit,     &drv_build,
    &drv_train, &drv_eval,      &drv_predict,  &drv_generate,
    &drv_near,  &drv_gradcheck, &drv_gradflow, &drv_compare,
    &drv_bench, &drv_explain,   NULL};

static void print_example(const char *title, const char *text)
{
    printf("%s:\n", title);
    while (*text) {
        size_t n = strcspn(text, "\n");

        printf("    %.*s\n", (int)n, text);
        text += n + (text[n] == '\n');
    }
}

static int explain(const char *code)
{
    const char *text = code ? cellc_explain(code) : NULL, *wrong, *right;

    if (text) {
        fputs(text, stdout);
        if (*text && text[strlen(text) - 1] != '\n')
            putchar('\n');
        if (cellc_example(code, &wrong, &right)) {
            print_example("wrong", wrong);
            print_example("right", right);
        }
        return EXIT_DONE;
    }
    if (code)
        say_error("no message has the code \"%s\"; codes look like E0203",
                  code);
    else
        say_error("--explain needs the code of a message, such as E0203");
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strncmp(argv[1], "--explain", 9) &&
        (argv[1][9] == '=' || !argv[1][9]))
        return say_end(explain(argv[1][9] ? argv[1] + 10
                               : argc > 2 ? argv[2]
                                          : NULL));
    return flags_main(verbs, "cellc, the compiler for recurrent networks",
                      "  --explain CODE  what a message means\n"
                      "  --version       which cellc this is\n\n",
                      cellc_version(), argc, argv, NULL);
}
