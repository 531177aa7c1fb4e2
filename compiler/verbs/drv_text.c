/* Verbs on the text of specs: check, fmt. */
#include "drv.h"

#include <stdlib.h>
#include <string.h>

/* ---- check ---- */

static int check_one(const Flags *f, const char *path, json_t *report)
{
    Drv d = {0};
    int code;

    if (report)
        d.messages = json_array();
    code = drv_open(&d, f, path);
    if (!code)
        code = drv_code(cellc_check(d.c));
    if (report)
        json_array_append_new(report,
                              json_pack("{s:s, s:b, s:O}", "file", path, "ok",
                                        !code, "messages", d.messages));
    drv_free(&d);
    return code;
}

static int check_run(Flags *f, void *user)
{
    json_t *report = flags_given(f, "json") ? json_array() : NULL;
    const char *path;
    int worst = 0;

    (void)user;
    for (int i = 0; (path = flags_arg(f, i)); i++) {
        int code = check_one(f, path, report);

        if (code > worst)
            worst = code;
    }
    if (report)
        app_print_json(report);
    return worst;
}

static const Flag *const check_flags[] = {drv_size_flags, drv_json_flags, NULL};
const Verb drv_check = {"check",
                        "SPEC...",
                        "names, shapes and causality; silent when fine",
                        check_flags,
                        {"check model.cell", "check --json a.cell b.cell"},
                        1,
                        -1,
                        check_run};

/* ---- fmt ---- */

static int fmt_one(const char *path, int check)
{
    Drv d = {0};
    size_t n = 0;
    char *text = drv_read(path, &n);
    int code = text ? drv_new(&d) : EXIT_USER;
    int from_stdin = !strcmp(path, "-");
    const char *out = NULL;

    if (!code) {
        out = cellc_format(d.c, from_stdin ? "<stdin>" : path, text, n);
        code = out ? 0 : EXIT_USER;
    }
    if (!code && check && (strlen(out) != n || memcmp(out, text, n))) {
        printf("%s\n", path);
        code = EXIT_SHORT;
    } else if (!code && !check && from_stdin) {
        fputs(out, stdout);
    } else if (!code && !check && (strlen(out) != n || memcmp(out, text, n))) {
        code = drv_write(path, out, strlen(out));
    }
    drv_free(&d);
    free(text);
    return code;
}

static int fmt_run(Flags *f, void *user)
{
    const char *path;
    int worst = 0, code;

    (void)user;
    for (int i = 0; (path = flags_arg(f, i)); i++) {
        code = fmt_one(path, flags_given(f, "check"));
        if (code && worst != EXIT_USER)
            worst = code;
    }
    return worst;
}

static const Flag fmt_own[] = {
    {"check", NULL, NULL, NULL,
     "change nothing; name the files that are not in canonical layout"},
    {NULL, NULL, NULL, NULL, NULL}};
static const Flag *const fmt_flags[] = {fmt_own, NULL};
const Verb drv_fmt = {"fmt",
                      "SPEC...",
                      "canonical layout, in place",
                      fmt_flags,
                      {"fmt model.cell", "fmt - < model.cell"},
                      1,
                      -1,
                      fmt_run};
