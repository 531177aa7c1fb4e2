/* Commands of other programs, see drv_words.h. */
#include "drv_words.h"

#include "drv.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

int words_add(Words *w, char *word)
{
    char **more = realloc(w->v, (size_t)(w->n + 2) * sizeof *more);

    if (!more || !word) {
        free(word);
        return EXIT_BUG;
    }
    w->v = more;
    w->v[w->n++] = word;
    w->v[w->n] = NULL;
    return 0;
}

int words_split(Words *w, const char *text)
{
    size_t n;
    int code = 0;

    for (text += strspn(text, " "); *text && !code; text += strspn(text, " ")) {
        n = strcspn(text, " ");
        code = words_add(w, strndup(text, n));
        text += n;
    }
    return code;
}

void words_free(Words *w)
{
    for (int i = 0; i < w->n; i++)
        free(w->v[i]);
    free(w->v);
}

int words_run(const Words *w, int verbose)
{
    int status = 0;
    pid_t child;
    int bad;

    for (int i = 0; verbose && i < w->n; i++)
        fprintf(stderr, "%s%c", w->v[i], i + 1 < w->n ? ' ' : '\n');
    bad = posix_spawnp(&child, w->v[0], NULL, NULL, w->v, environ);
    if (!bad && waitpid(child, &status, 0) != child)
        bad = errno;
    if (bad == ENOENT ||
        (!bad && WIFEXITED(status) && WEXITSTATUS(status) == 127)) {
        say_error("build needs a C compiler and \"%s\" is not there; install "
                  "one (Debian: gcc) or name one by the variable CC",
                  w->v[0]);
        return EXIT_USER;
    }
    if (bad) {
        say_error("cannot run %s: %s", w->v[0], strerror(bad));
        return EXIT_USER;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    say_error("%s did not succeed; its messages are above", w->v[0]);
    return EXIT_USER;
}
