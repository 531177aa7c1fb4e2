/* What verbs print with --json. */
#ifndef APPJSON_H
#define APPJSON_H

#include <jansson.h>

/* A number; null where it is not finite, which JSON cannot say. */
json_t *app_json_number(double v);
/* Prints indented JSON on standard output and frees it; an exit code. */
int app_print_json(json_t *j);

#endif
