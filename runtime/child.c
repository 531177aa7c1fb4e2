/* Programs of others, see child.h. */
#include "child.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int child_there(const char *program)
{
    const char *path = getenv("PATH");
    int found = 0;

    for (path = path ? path : ""; *path && !found; path += *path == ':') {
        size_t n = strcspn(path, ":");
        char *file = rt_printf("%.*s/%s", (int)n, n ? path : ".", program);

        found = file && !access(file, X_OK);
        free(file);
        path += n;
    }
    return found;
}

int child_needed(const char *program, const char *package, const char *what,
                 RtError *err)
{
    if (child_there(program))
        return 0;
    return rt_fail(err,
                   "%s needs the program %s, which is not there; install it "
                   "(Debian: %s)",
                   what, program, package);
}

/* The text in an open file, to be read from its start. */
static FILE *text_file(const char *text, RtError *err)
{
    FILE *f = tmpfile();

    if (f && fputs(text, f) >= 0 && !fflush(f) && !fseek(f, 0, SEEK_SET))
        return f;
    rt_fail(err, "cannot write a temporary file: %s", strerror(errno));
    if (f)
        fclose(f);
    return NULL;
}

/* posix_spawnp takes its arguments as what it could change; it does not. */
static int spawn(pid_t *child, posix_spawn_file_actions_t *files,
                 const char *const *argv)
{
    char *arg[16] = {NULL};

    for (int i = 0; argv[i] && i + 1 < (int)(sizeof arg / sizeof *arg); i++)
        arg[i] = (char *)argv[i];
    return posix_spawnp(child, arg[0], files, NULL, arg, environ);
}

int child_filter(const char *const *argv, const char *in, FILE *out,
                 RtError *err)
{
    posix_spawn_file_actions_t files;
    FILE *from = text_file(in, err);
    int status = 0, bad;
    pid_t child;

    if (!from)
        return -1;
    fflush(out);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, fileno(from), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, fileno(out), STDOUT_FILENO);
    bad = spawn(&child, &files, argv);
    posix_spawn_file_actions_destroy(&files);
    fclose(from);
    while (!bad && waitpid(child, &status, 0) != child)
        bad = errno == EINTR ? 0 : errno;
    if (!bad && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    return rt_fail(err, "%s did not succeed%s%s", argv[0], bad ? ": " : "",
                   bad ? strerror(bad) : "; its messages are above");
}
