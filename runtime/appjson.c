/* Printing of JSON for the verbs of the driver and of built executables. */
#include "appjson.h"

#include <math.h>

#include "flags.h"

json_t *app_json_number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

int app_print_json(json_t *j)
{
    int bad =
        !j || json_dumpf(j, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15));

    if (!bad)
        putchar('\n');
    json_decref(j);
    return bad ? EXIT_USER : EXIT_DONE;
}
