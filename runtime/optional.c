/* Libraries opened when they are needed, see optional.h. */
#include "optional.h"

#include <dlfcn.h>
#include <string.h>

int optional_open(const char *const *library, const OptionalName *names,
                  const char *file, const char *package, RtError *err)
{
    void *lib = NULL;

    for (; *library && !lib; library++)
        lib = dlopen(*library, RTLD_NOW);
    for (; lib && names->name; names++) {
        void *at = dlsym(lib, names->name);

        if (!at)
            break;
        /* POSIX: a function's address fits, though C does not say so */
        memcpy(names->to, &at, sizeof at);
    }
    if (lib && !names->name)
        return 0;
    return rt_fail(err, "%s: to read this, install the Debian package %s", file,
                   package);
}
