/* Drawn sequences as text, tables and arrays; see tell.h. */
#include "tell.h"

#include "ahead.h"
#include "decode.h"
#include "flags.h"
#include "image.h"
#include "midi.h"
#include "npy.h"
#include "plot.h"
#include "rtio.h"

#include <stdlib.h>
#include <string.h>

static int ends(const char *s, const char *with)
{
    size_t n = strlen(s), m = strlen(with);

    return n > m && !strcmp(s + n - m, with);
}

/* A number of drawn name k, a name where it has names. */
static void print_value(const Teller *t, int k, double value)
{
    char room[5];

    if (!t->names[k].n) {
        fprintf(t->to, "%.9g", value);
        return;
    }
    csv_print(t->to, vocab_name(&t->names[k], (int32_t)value, room));
}

/* A line of the table, a column per number; value NULL: the header. */
static void print_row(const Teller *t, const double *const *value)
{
    for (int k = 0; k < t->n; k++) {
        const CellTensor *x = &t->desc->tensor[t->drawn[k]];
        int64_t n = model_size(x);

        for (int64_t j = 0; j < n; j++) {
            if (k + j)
                fputc(',', t->to);
            if (value)
                print_value(t, k, value[k][j]);
            else if (n == 1)
                fprintf(t->to, "%s", x->name);
            else
                fprintf(t->to, "%s.%lld", x->name, (long long)j + 1);
        }
    }
    fputc('\n', t->to);
}

static void print_word(Teller *t, double value)
{
    char room[5];
    const Vocab *v = &t->names[0];
    int32_t id = (int32_t)value;
    const char *text = v->word ? vocab_name(v, id, room) : room;
    size_t n = v->word ? strlen(text) : (size_t)text_decode(v, id, room);

    if (v->eos && !strcmp(text, v->eos)) {
        fputc('\n', t->to);
        t->word = 0;
        return;
    }
    if (t->word++ && v->word && !t->joined)
        fputc(' ', t->to);
    fwrite(text, 1, n, t->to);
}

/* What was written has arrived, or it is an error. */
static int flushed(Teller *t, RtError *err)
{
    const char *why = t->to == stdout ? say_lost() : NULL;

    if (why)
        return rt_fail(err, SAY_LOST, why);
    if (t->to != stdout && (fflush(t->to) || ferror(t->to)))
        return rt_fail(err, "%s could not be written", t->path);
    return 0;
}

/* Whether the file holds numbers and no text. */
static int is_array(const Teller *t)
{
    return ends(t->path, ".npy") || ends(t->path, ".png") ||
           ends(t->path, ".svg") || ends(t->path, ".mid");
}

/* Whether the file is a forecast of numbers over steps. */
static int is_forecast(const Teller *t)
{
    return ends(t->path, ".svg") || (ends(t->path, ".png") && !t->pixels);
}

/* Curves are of few numbers at each step. */
static int check_forecast(const Teller *t, RtError *err)
{
    const CellTensor *x = &t->desc->tensor[t->drawn[0]];

    if (t->names[0].n || cell_only_time(x->axes) < 0)
        return rt_fail(err, "%s: curves are of numbers over steps; write .csv",
                       t->path);
    if (model_size(x) > AHEAD_MOST)
        return rt_fail(err,
                       "%s: %s has %lld numbers at each step, curves are of %d "
                       "at most; --pixels WIDTH says how many pixels a line of "
                       "an image has",
                       t->path, x->name, (long long)model_size(x), AHEAD_MOST);
    return plot_check(t->path, err);
}

/* Whether the file can hold what is drawn. */
static int check_kind(const Teller *t, RtError *err)
{
    const CellTensor *x = &t->desc->tensor[t->drawn[0]];

    if (is_array(t) && t->n > 1)
        return rt_fail(err,
                       "%s holds one array and %d names are drawn; write "
                       ".csv",
                       t->path, t->n);
    if (is_forecast(t))
        return check_forecast(t, err);
    if (ends(t->path, ".mid") && model_size(x) != 88 && model_size(x) != 128)
        return rt_fail(err,
                       "%s: notes are 88 numbers, the keys of a piano from "
                       "MIDI's note 21 on, or all 128; %s has %lld",
                       t->path, x->name, (long long)model_size(x));
    return 0;
}

int teller_open(Teller *t, RtError *err)
{
    if (check_kind(t, err))
        return -1;
    t->is_text &= !ends(t->path, ".csv");
    t->to =
        strcmp(t->path, "-") ? open_memstream(&t->bytes, &t->nbytes) : stdout;
    return t->to ? 0 : rt_fail_memory(err, 1);
}

int teller_begin(Teller *t, RtError *err)
{
    t->word = 0;
    if (t->is_text && t->prime) {
        fputs(t->prime, t->to);
        t->word = *t->prime && !strchr(" \t\n", t->prime[strlen(t->prime) - 1]);
    } else if (!t->is_text && !t->count) {
        if (t->scored)
            fputs("number,score,", t->to);
        print_row(t, NULL);
    } else if (!t->is_text) {
        fputc('\n', t->to);
    }
    return flushed(t, err);
}

int teller_step(Teller *t, const double *const *value, int last, RtError *err)
{
    if (!t->is_text)
        print_row(t, value);
    else if (!last)
        print_word(t, value[0][0]);
    return flushed(t, err);
}

int teller_end(Teller *t, RtError *err)
{
    if (t->is_text)
        fputc('\n', t->to);
    t->count++;
    return flushed(t, err);
}

static int keep(Teller *t, Told *told, RtError *err)
{
    Told *more = realloc(t->kept, (size_t)(t->count + 1) * sizeof *t->kept);

    if (!more)
        return rt_fail_memory(err, (size_t)t->count * sizeof *t->kept);
    t->kept = more;
    t->kept[t->count++] = *told;
    *told = (Told){0};
    return 0;
}

int teller_add(Teller *t, Told *told, int64_t number, RtError *err)
{
    const double **value;
    int bad = 0;

    if (is_array(t))
        return keep(t, told, err);
    value = malloc((size_t)t->n * sizeof *value);
    if (!value)
        return rt_fail_memory(err, (size_t)t->n * sizeof *value);
    if (t->scored && t->is_text)
        fprintf(t->to, "%lld\t%.6g\t", (long long)number, told->score);
    bad = teller_begin(t, err);
    for (int64_t i = 0; i < told->steps && !bad; i++) {
        for (int k = 0; k < t->n; k++)
            value[k] =
                told->value[k] +
                (told->first + i) * model_size(&t->desc->tensor[t->drawn[k]]);
        if (t->scored && !t->is_text)
            fprintf(t->to, "%lld,%.6g,", (long long)number, told->score);
        if (!t->is_text)
            print_row(t, value);
        else if (!told->ended || i + 1 < told->steps)
            print_word(t, value[0][0]);
    }
    free(value);
    told_free(told);
    return bad ? -1 : teller_end(t, err);
}

/* [N,T,element], [T,element] of one; shorter ones are filled up with 0. */
static int write_array(const Teller *t, RtError *err)
{
    const CellTensor *x = &t->desc->tensor[t->drawn[0]];
    int64_t dim[6], T = 0, size = model_size(x), rank = 0;
    double *v;
    int bad;

    for (int64_t i = 0; i < t->count; i++)
        T = t->kept[i].steps > T ? t->kept[i].steps : T;
    if (t->count != 1)
        dim[rank++] = t->count;
    dim[rank++] = T;
    for (int k = 0; k < x->rank; k++)
        dim[rank++] = x->dim[k];
    v = calloc((size_t)(t->count * T * size) + 1, sizeof *v);
    if (!v)
        return rt_fail_memory(err, (size_t)(t->count * T * size) * sizeof *v);
    for (int64_t i = 0; i < t->count; i++)
        memcpy(v + i * T * size, t->kept[i].value[0] + t->kept[i].first * size,
               (size_t)(t->kept[i].steps * size) * sizeof *v);
    bad = npy_write(t->path, NPY_F8, (int)rank, dim, v, err);
    free(v);
    return bad;
}

/* All sequences below each other, each with its beginning. */
static int write_image(const Teller *t, RtError *err)
{
    int64_t size = model_size(&t->desc->tensor[t->drawn[0]]), n = 0;
    Values all = {0};
    int bad = 0;

    for (int64_t i = 0; i < t->count && !bad; i++) {
        const Told *one = &t->kept[i];
        double *to;
        n = (one->first + one->steps) * size;
        to = values_more(&all, n, err);
        bad = !to;
        if (to)
            memcpy(to, one->value[0], (size_t)n * sizeof *to);
    }
    bad = bad || image_write(t->path, all.v, all.n, t->pixels, err);
    free(all.v);
    return bad ? -1 : 0;
}

/* The first sequence, with its beginning. */
static int write_midi(const Teller *t, RtError *err)
{
    int64_t n = model_size(&t->desc->tensor[t->drawn[0]]);
    const Told *one = t->kept;

    return midi_write(t->path, one->value[0], one->first + one->steps, n,
                      n == 88 ? 21 : 0, t->tempo, err);
}

static int write_forecast(const Teller *t, RtError *err)
{
    const CellTensor *x = &t->desc->tensor[t->drawn[0]];
    Ahead a = {.name = x->name,
               .axis = t->desc->time[cell_only_time(x->axes)],
               .size = model_size(x),
               .seen = t->seen,
               .nseen = t->nseen};

    for (int64_t i = 1; i < t->count; i++)
        if (t->kept[i].first != t->kept->first)
            return rt_fail(err,
                           "%s: the sequences have beginnings of different "
                           "length; a forecast goes on from one",
                           t->path);
    return ahead_plot(&a, t->kept, t->count, t->path, err);
}

int teller_close(Teller *t, RtError *err)
{
    FILE *to = t->to;
    RtSave *save;

    t->to = NULL;
    if (to != stdout && fclose(to))
        return rt_fail_memory(err, t->nbytes);
    if (to == stdout)
        return 0;
    if (is_array(t) && t->count)
        return ends(t->path, ".npy")   ? write_array(t, err)
               : is_forecast(t)        ? write_forecast(t, err)
               : ends(t->path, ".png") ? write_image(t, err)
                                       : write_midi(t, err);
    save = rtio_save_open(t->path, err);
    if (!save)
        return -1;
    rtio_save_write(save, t->bytes, t->nbytes);
    return rtio_save_close(save, err);
}

void teller_free(Teller *t)
{
    if (t->to && t->to != stdout)
        fclose(t->to);
    for (int64_t i = 0; t->kept && i < t->count; i++)
        told_free(&t->kept[i]);
    free(t->kept);
    free(t->bytes);
}
