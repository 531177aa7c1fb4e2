/* Writing predictions, see predicted.h. */
#include "predicted.h"

#include "image.h"
#include "npy.h"
#include "plot.h"

#include <stdlib.h>
#include <string.h>

static int64_t rows_of(const Predicted *o, int64_t q)
{
    return o->size ? o->value[q].n / o->size : 0;
}

/* Steps of an output's sequence along its k-th axis. */
static int64_t steps_of(const Predicted *o, int k, int64_t q)
{
    return o->naxis > 1 ? o->steps[q * o->naxis + k] : rows_of(o, q);
}

static NpyType npy_type(const PredictedSet *p, const Predicted *o)
{
    if (o->tensor->flags & CELL_INDEX)
        return NPY_I8;
    return p->real_bytes == 4 ? NPY_F4 : NPY_F8;
}

/* Copies sequence q into its place among arrays of `most` steps. */
static void place(const Predicted *o, int64_t q, const int64_t *most,
                  double *to)
{
    int64_t row = 0, rows = rows_of(o, q), n[CELL_TIMES], at[CELL_TIMES] = {0};

    for (int k = 0; k < o->naxis; k++)
        n[k] = steps_of(o, k, q);
    for (; row < rows; row++) {
        int64_t to_row = 0;
        int k = o->naxis - 1;
        for (int a = 0; a < o->naxis; a++)
            to_row = to_row * most[a] + at[a];
        memcpy(to + to_row * o->size, o->value[q].v + row * o->size,
               (size_t)o->size * sizeof *to);
        while (k >= 0 && ++at[k] == n[k])
            at[k--] = 0;
    }
}

int predicted_npy(const PredictedSet *p, int i, const char *path, RtError *err)
{
    const Predicted *o = &p->v[i];
    int64_t most[CELL_TIMES], dim[CELL_TIMES + 5], each = o->size, n;
    NpyType type = npy_type(p, o);
    int rank = 0, bad;
    double *v;

    if (p->data->nseq != 1 || !o->naxis)
        dim[rank++] = p->data->nseq;
    for (int k = 0; k < o->naxis; k++) {
        most[k] = 1;
        for (int64_t q = 0; q < p->data->nseq; q++)
            if (steps_of(o, k, q) > most[k])
                most[k] = steps_of(o, k, q);
        dim[rank++] = most[k];
        each *= most[k];
    }
    for (int k = 0; k < o->tensor->rank; k++)
        dim[rank++] = o->tensor->dim[k];
    n = p->data->nseq * each;
    v = calloc((size_t)n + 1, sizeof *v);
    if (!v)
        return rt_fail_memory(err, (size_t)n * sizeof *v);
    for (int64_t q = 0; q < p->data->nseq; q++)
        place(o, q, most, v + q * each);
    for (int64_t k = 0; k < n && type == NPY_I8; k++)
        ((int64_t *)(void *)v)[k] = (int64_t)v[k];
    for (int64_t k = 0; k < n && type == NPY_F4; k++)
        ((float *)(void *)v)[k] = (float)v[k];
    bad = npy_write(path, type, rank, dim, v, err);
    free(v);
    return bad;
}

/* Step i of axis a, from 0, of a sequence: the word there, or its number. */
static const char *label(const PredictedSet *p, int a, int64_t q, int64_t i,
                         char room[24])
{
    const RtField *f = p->labels ? p->labels->field[a] : NULL;
    int64_t at = f ? p->data->steps[a].offset[q] + i : 0;

    if (f && data_value(f, at) >= 0)
        return vocab_name(&p->labels->names[a], (int32_t)data_value(f, at),
                          room);
    snprintf(room, 24, "%lld", (long long)i + 1);
    return room;
}

/* One output over two axes: a table with words at its margins. */
static int matrix_csv(const PredictedSet *p, FILE *to)
{
    const Predicted *o = &p->v[0];
    int digits = p->real_bytes == 4 ? 9 : 17;
    char room[24];

    for (int64_t q = 0; q < p->data->nseq; q++) {
        int64_t rows = steps_of(o, 0, q), cols = steps_of(o, 1, q);
        for (int64_t c = 0; c < cols; c++) {
            fputc(',', to);
            csv_print(to, label(p, o->axis[1], q, c, room));
        }
        fputc('\n', to);
        for (int64_t r = 0; r < rows; r++) {
            csv_print(to, label(p, o->axis[0], q, r, room));
            for (int64_t c = 0; c < cols; c++)
                fprintf(to, ",%.*g", digits, o->value[q].v[r * cols + c]);
            fputc('\n', to);
        }
        if (q + 1 < p->data->nseq)
            fputc('\n', to);
    }
    return 0;
}

/* Whether the numbers of a vector are those of its set's members. */
static int names_units(const Predicted *o)
{
    return o->names.n && o->tensor->rank == 1 && o->size == o->names.n;
}

/* "p.PER" of a vector over named classes, else "p.3". */
static int csv_column(const Predicted *o, int64_t j, FILE *to)
{
    char room[24], *name = NULL;

    if (o->size == 1 && !names_units(o))
        name = rt_printf("%s", o->name);
    else if (names_units(o))
        name = rt_printf("%s.%s", o->name,
                         vocab_name(&o->names, (int32_t)j, room));
    else
        name = rt_printf("%s.%lld", o->name, (long long)j + 1);
    if (name)
        csv_print(to, name);
    free(name);
    return name ? 0 : -1;
}

static int csv_head(const PredictedSet *p, FILE *to, RtError *err)
{
    for (int k = 0; k < p->n; k++)
        for (int64_t j = 0; j < p->v[k].size; j++) {
            if (k + j)
                fputc(',', to);
            if (csv_column(&p->v[k], j, to))
                return rt_fail_memory(err, 32);
        }
    fputc('\n', to);
    return 0;
}

static void csv_value(const PredictedSet *p, const Predicted *o, double v,
                      FILE *to)
{
    char room[24];

    if (o->names.n && !o->tensor->rank && v >= 0)
        csv_print(to, vocab_name(&o->names, (int32_t)v, room));
    else
        fprintf(to, "%.*g", p->real_bytes == 4 ? 9 : 17, v);
}

static int is_matrix(const PredictedSet *p)
{
    int any = 0;

    for (int k = 0; k < p->n; k++)
        any |= p->v[k].naxis > 1;
    return any;
}

int predicted_csv_fits(const PredictedSet *p, RtError *err)
{
    const Predicted *first = &p->v[0];

    if (is_matrix(p) && (p->n > 1 || first->naxis > 2 || first->size != 1))
        return rt_fail(err,
                       "%s varies over several time axes, and a table holds "
                       "one output of single numbers over two: choose with "
                       "--output or --probe, or write .npy",
                       first->name);
    for (int k = 0; k < p->n; k++)
        if (p->v[k].naxis != first->naxis ||
            (first->naxis && p->v[k].axis[0] != first->axis[0]))
            return rt_fail(err,
                           "%s and %s do not have the same steps: choose "
                           "with --output, or write a folder of .npy",
                           first->name, p->v[k].name);
    return 0;
}

int predicted_csv(const PredictedSet *p, FILE *to, RtError *err)
{
    const Predicted *first = &p->v[0];

    if (is_matrix(p))
        return matrix_csv(p, to);
    if (csv_head(p, to, err))
        return -1;
    for (int64_t q = 0; q < p->data->nseq; q++) {
        for (int64_t r = 0; r < rows_of(first, q); r++) {
            for (int k = 0; k < p->n; k++)
                for (int64_t j = 0; j < p->v[k].size; j++) {
                    if (k + j)
                        fputc(',', to);
                    csv_value(p, &p->v[k],
                              p->v[k].value[q].v[r * p->v[k].size + j], to);
                }
            fputc('\n', to);
        }
        if (first->naxis && q + 1 < p->data->nseq)
            fputc('\n', to);
    }
    return 0;
}

int predicted_has(const PredictedSet *p, int64_t q, RtError *err)
{
    if (q < p->data->nseq)
        return 0;
    return rt_fail(err, "--sequence %lld: the data have %lld sequences",
                   (long long)q + 1, (long long)p->data->nseq);
}

/* Labels of n steps of an axis; the texts lie behind the pointers. */
static char **labels_of(const PredictedSet *p, int a, int64_t q, int64_t n)
{
    char **l = calloc((size_t)n + 1, sizeof *l), room[24];

    for (int64_t i = 0; l && i < n; i++)
        l[i] = strdup(label(p, a, q, i, room));
    return l;
}

/* The same of a vector's numbers; NULL where they have no names. */
static char **unit_labels(const Predicted *o)
{
    char **l, room[24];

    if (!names_units(o))
        return NULL;
    l = calloc((size_t)o->size + 1, sizeof *l);
    for (int64_t i = 0; l && i < o->size; i++)
        l[i] = strdup(vocab_name(&o->names, (int32_t)i, room));
    return l;
}

static void labels_free(char **l)
{
    for (char **s = l; s && *s; s++)
        free(*s);
    free(l);
}

/* The axis along which a picture goes to the right, downwards: its name. */
static const char *axis_title(const PredictedSet *p, int a)
{
    return p->labels && p->labels->field[a] ? p->labels->field[a]->name
                                            : "steps";
}

int predicted_heat(const PredictedSet *p, int i, int64_t q, const char *path,
                   RtError *err)
{
    const Predicted *o = &p->v[i];
    PlotHeat h = {.title = o->name, .x = "columns", .y = "rows"};
    int64_t units = o->size;
    double *turned = NULL;
    int bad;

    if (predicted_has(p, q, err))
        return -1;
    if (o->naxis > 2 || (o->naxis == 2 && o->size != 1))
        return rt_fail(err,
                       "%s: a picture has two sides, and %s has more: its "
                       "steps and its %lld numbers; write .npy",
                       path, o->name, (long long)o->size);
    h.value = o->value[q].v;
    if (o->naxis == 2) {
        h.rows = steps_of(o, 0, q);
        h.columns = steps_of(o, 1, q);
        h.row_label = labels_of(p, o->axis[0], q, h.rows);
        h.y = axis_title(p, o->axis[0]);
    } else if (!o->naxis) {
        h.columns = o->tensor->rank ? o->tensor->dim[o->tensor->rank - 1] : 1;
        h.rows = units / (h.columns ? h.columns : 1);
    } else {
        h.rows = units;
        h.columns = steps_of(o, 0, q);
        h.row_label = unit_labels(o);
        h.y = h.row_label ? o->tensor->set : "units";
        turned = malloc((size_t)(h.rows * h.columns + 1) * sizeof *turned);
        for (int64_t t = 0; turned && t < h.columns; t++)
            for (int64_t u = 0; u < units; u++)
                turned[u * h.columns + t] = o->value[q].v[t * units + u];
        h.value = turned;
    }
    if (o->naxis) {
        h.x = axis_title(p, o->axis[o->naxis - 1]);
        h.column_label = labels_of(p, o->axis[o->naxis - 1], q, h.columns);
    }
    bad = h.value || h.rows < 1 || h.columns < 1 ? 0 : rt_fail_memory(err, 0);
    bad = bad || plot_heat(&h, path, err);
    labels_free(h.row_label);
    labels_free(h.column_label);
    free(turned);
    return bad ? -1 : 0;
}

int predicted_are_curves(const PredictedSet *p)
{
    int curves = p->n > 0;

    for (int i = 0; i < p->n; i++)
        curves = curves && p->v[i].naxis == 1 && p->v[i].size == 1 &&
                 p->v[i].axis[0] == p->v[0].axis[0];
    return curves;
}

int predicted_curves(const PredictedSet *p, int64_t q, const char *path,
                     RtError *err)
{
    int64_t steps = q < p->data->nseq ? steps_of(&p->v[0], 0, q) : 0;
    double *at = malloc((size_t)(steps + 1) * sizeof *at);
    PlotCurve *curve = calloc((size_t)p->n, sizeof *curve);
    PlotMark *mark = calloc((size_t)p->n, sizeof *mark);
    Plot plot = {
        .x = axis_title(p, p->v[0].axis[0]), .curve = curve, .mark = mark};
    int bad = predicted_has(p, q, err);

    if (!bad && (!at || !curve || !mark))
        bad = rt_fail_memory(err, (size_t)steps);
    for (int64_t t = 0; at && t < steps; t++)
        at[t] = (double)(t + 1);
    for (int i = 0; i < p->n && !bad; i++) {
        const char *name = p->v[i].name;
        const double *y = p->v[i].value[q].v;

        if (p->v[i].mark)
            mark[plot.nmark++] = (PlotMark){name, at, y, steps, i};
        else
            curve[plot.n++] = (PlotCurve){
                .name = name, .x = at, .y = y, .n = steps, .colour = i};
    }
    if (!bad && !plot.n)
        bad = rt_fail(err,
                      "%s: there are marks and no curve; name one with "
                      "--output or --probe",
                      path);
    bad = bad || plot_draw(&plot, path, err);
    free(mark);
    free(curve);
    free(at);
    return bad ? -1 : 0;
}

/* Images of the steps, one beside the other: line after line of all of them. */
static double *side_by_side(const Values *v, int64_t size, int64_t width)
{
    double *line = malloc((size_t)(v->n + 1) * sizeof *line);
    int64_t steps = v->n / size, wide = steps * width;

    for (int64_t t = 0; line && t < steps; t++)
        for (int64_t i = 0; i < size; i++)
            line[i / width * wide + t * width + i % width] = v->v[t * size + i];
    return line;
}

int predicted_image(const PredictedSet *p, int i, int64_t q, int64_t width,
                    const char *path, RtError *err)
{
    const Predicted *o = &p->v[i];
    double *line = NULL;
    int bad;

    if (predicted_has(p, q, err))
        return -1;
    if (o->naxis != 1 || width < 1 || o->size <= width || o->size % width)
        return image_write(path, o->value[q].v, o->value[q].n, width, err);
    line = side_by_side(&o->value[q], o->size, width);
    bad = line ? image_write(path, line, o->value[q].n,
                             o->value[q].n / o->size * width, err)
               : rt_fail_memory(err, (size_t)o->value[q].n * sizeof *line);
    free(line);
    return bad;
}
