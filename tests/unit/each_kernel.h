/* Kernels by their names, and numbers to call them with, for the tests of
 * kernels on every instruction set. */
#ifndef EACH_KERNEL_H
#define EACH_KERNEL_H

#include "../../runtime/kernels.h"

#include <string.h>

static inline RtProc *find(const RtSymbol *symbols, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(symbols[i].name, name) == 0)
            return symbols[i].proc;
    fail_msg("no kernel %s", name);
    return NULL;
}

/* Calls `check` with the kernels of each instruction set that is here. */
static inline void check_every_isa(void (*check)(const RtSymbol *symbols,
                                                 int count))
{
    const char *isa = "";
    int count, known = 0;
    do {
        const RtSymbol *symbols = rt_symbols_isa(known++, &isa, &count);
        if (symbols)
            check(symbols, count);
    } while (*isa);
}

#endif
