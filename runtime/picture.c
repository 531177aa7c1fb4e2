/* Pictures, see picture.h. */
#include "picture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "optional.h"

#if defined __has_include
#if __has_include(<png.h>)
#include <png.h>
#endif
#endif

#ifdef PNG_SIMPLIFIED_READ_SUPPORTED

static struct {
    int (*begin)(png_imagep image, const char *path);
    int (*finish)(png_imagep image, png_const_colorp background, void *buffer,
                  png_int_32 stride, void *map);
    void (*free)(png_imagep image);
} lib;

/* All of an opened picture as bytes, and those as numbers. */
static int read_bytes(const char *path, png_imagep image, int colour, Npy *a,
                      RtError *err)
{
    static const png_color white = {255, 255, 255};
    int64_t dim[3] = {image->height, image->width, 3};

    a->rank = colour ? 3 : 2;
    a->count = dim[0] * dim[1] * (colour ? 3 : 1);
    a->dim = malloc(sizeof dim);
    unsigned char *bytes = malloc((size_t)a->count + 1);
    double *v = malloc(sizeof *v * (size_t)(a->count + 1));
    int bad = !a->dim || !bytes || !v
                  ? rt_fail_memory(err, sizeof *v * (size_t)a->count)
                  : 0;
    image->format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    if (!bad && !lib.finish(image, &white, bytes, 0, NULL))
        bad =
            rt_fail(err, "%s: a damaged .png file (%s)", path, image->message);
    for (int64_t i = 0; i < a->count && !bad; i++)
        v[i] = bytes[i] / 255.0;
    if (a->dim)
        memcpy(a->dim, dim, sizeof dim);
    a->type = NPY_F8;
    a->data = v;
    free(bytes);
    return bad;
}

int picture_read(const char *path, const RtWant *want, Npy *a, RtError *err)
{
    static const char *const library[] = {"libpng16.so.16", NULL};
    const OptionalName names[] = {
        {"png_image_begin_read_from_file", &lib.begin},
        {"png_image_finish_read", &lib.finish},
        {"png_image_free", &lib.free},
        {NULL, NULL}};
    png_image image = {.version = PNG_IMAGE_VERSION};
    int64_t element[4];
    *a = (Npy){0};
    if (!lib.free && optional_open(library, names, path, "libpng16-16", err))
        return -1;
    if (!lib.begin(&image, path))
        return rt_fail(err, "%s: a .png file cannot be read (%s)", path,
                       image.message);
    int64_t dim[3] = {image.height, image.width, 3};
    struct stat st;
    /* no packing makes a byte of more than 1032 */
    if (stat(path, &st) || dim[0] * dim[1] / 16384 > st.st_size) {
        lib.free(&image);
        return rt_fail(err, "%s: a damaged .png file: %lld times %lld pixels",
                       path, (long long)dim[1], (long long)dim[0]);
    }
    int colour = (image.format & PNG_FORMAT_FLAG_COLOR) != 0;
    if (data_fit(want, colour ? 3 : 2, dim, element) < 0 &&
        data_fit(want, colour ? 2 : 3, dim, element) >= 0)
        colour = !colour;
    int bad = read_bytes(path, &image, colour, a, err);
    lib.free(&image);
    return bad;
}

#else

int picture_read(const char *path, const RtWant *want, Npy *a, RtError *err)
{
    *a = (Npy){0};
    return rt_fail(err,
                   "%s: pictures for input %s cannot be read: this program was "
                   "built without the Debian package libpng-dev",
                   path, want->name);
}

#endif
