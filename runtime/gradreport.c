/* What a check of derivatives found, as a table or JSON; see gradcheck.h. */
#include "gradcheck.h"

#include "flags.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void gradcheck_free(GradReport *r)
{
    for (int i = 0; i < r->n; i++)
        free(r->row[i].name);
    free(r->row);
    *r = (GradReport){0};
}

static json_t *to_json(const GradReport *r, double tolerance, const char *title,
                       const char *skipped)
{
    json_t *rows = json_array();

    for (int i = 0; i < r->n; i++)
        json_array_append_new(
            rows,
            json_pack("{s:s, s:I, s:I, s:I, s:f, s:f, s:f}", "name",
                      r->row[i].name, "checked", (json_int_t)r->row[i].checked,
                      "entries", (json_int_t)r->row[i].of, "index",
                      (json_int_t)r->row[i].index, "analytic",
                      r->row[i].analytic, "numeric", r->row[i].numeric, "error",
                      isfinite(r->row[i].error) ? r->row[i].error : 1e300));
    return json_pack("{s:s, s:f, s:f, s:b, s:f, s:f, s:s?, s:o}", "model",
                     title, "worst", isfinite(r->worst) ? r->worst : 1e300,
                     "tolerance", tolerance, "ok", r->worst <= tolerance,
                     "loss", r->loss, "norm", sqrt(r->norm2), "not comparable",
                     skipped, "tensors", rows);
}

int gradcheck_print(const GradReport *r, double tolerance, const char *title,
                    const char *skipped, int as_json, FILE *to)
{
    int all_own = !r->n && skipped && *skipped; /* nothing left to compare */
    int ok = all_own || (r->n && r->worst <= tolerance), width = 8;

    if (as_json) {
        json_t *j = to_json(r, tolerance, title, skipped);

        json_dumpf(j, to, JSON_INDENT(2));
        fputc('\n', to);
        json_decref(j);
        return ok ? EXIT_DONE : EXIT_SHORT;
    }
    for (int i = 0; i < r->n; i++)
        if ((int)strlen(r->row[i].name) > width)
            width = (int)strlen(r->row[i].name);
    fprintf(to, "%s\n%-*s %9s %7s %16s %16s %9s\n", title, width, "name",
            "compared", "worst", "analytic", "numeric", "error");
    for (int i = 0; i < r->n; i++)
        fprintf(to, "%-*s %9lld %7lld %16.9g %16.9g %9.2e%s\n", width,
                r->row[i].name, (long long)r->row[i].checked,
                (long long)r->row[i].index, r->row[i].analytic,
                r->row[i].numeric, r->row[i].error,
                r->row[i].error <= tolerance ? "" : "  <--");
    if (skipped && *skipped)
        fprintf(to, "not comparable, by a derivative of their own: %s\n",
                skipped);
    if (all_own)
        fprintf(to, "nothing else is left to compare\n");
    else
        fprintf(to, "worst %.2e, %s tolerance %g\n", r->worst,
                ok ? "within" : "above", tolerance);
    return ok ? EXIT_DONE : EXIT_SHORT;
}
