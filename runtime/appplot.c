/* The flag --plot of the verb train: the learning curve once training has
 * ended, from its log.  See apphost.h. */
#include "apphost.h"

#include "plot.h"
#include "rtio.h"

#include <string.h>

/* The file that --plot names; NULL: none. */
static const char *plot_file(const Flags *f)
{
    const char *path = flags_get(f, "plot");

    return path && strcmp(path, "none") ? path : NULL;
}

int app_plot_check(const Flags *f)
{
    RtError err = {0};
    const char *path = plot_file(f);

    if (path && (plot_check(path, &err) || rtio_writable(path, &err)))
        return app_fail(&err);
    return 0;
}

int app_plot_wanted(const Flags *f, const char **path)
{
    *path = plot_file(f);
    return *path || (!flags_given(f, "plot") && plot_terminal());
}

int app_plot_log(const Flags *f, const char *log)
{
    const char *path;
    RtError err = {0};
    int rc;

    if (!app_plot_wanted(f, &path))
        return 0;
    rc = plot_log(log, path, &err);
    if (rc < 0)
        return app_fail(&err);
    if (rc && path)
        say_note("%s has one row, too few for a curve; --log-every N has more",
                 log);
    else if (path)
        printf("%s: learning curve\n", path);
    return 0;
}
