/* A table for people, see drv_grid.h. */
#include "drv_grid.h"

#include <stdio.h>
#include <stdlib.h>

int grid_start(Grid *g)
{
    g->place = calloc((size_t)(g->rows * g->columns), sizeof *g->place);
    return g->place ? 0 : -1;
}

void grid_add(Grid *g, char *text, char *spread)
{
    g->place[g->n++] = (Place){text, spread};
}

void grid_free(Grid *g)
{
    for (int i = 0; i < g->n; i++) {
        free(g->place[i].text);
        free(g->place[i].spread);
    }
    free(g->place);
}

/* Columns of UTF-8, none of NULL. */
static int columns(const char *s)
{
    int n = 0;

    for (; s && *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

/* How wide a column is, with its spreads or without. */
typedef struct Width {
    int text, all; /* all = 0: nothing is below the title */
} Width;

/* What is to be printed: a table, spaced out or as close as can be read. */
typedef struct Page {
    const Grid *g;
    Width *w; /* [columns] */
    int gap;  /* between columns */
    const char *mark;
} Page;

/* A title may reach over the spreads. */
static Width width_of(const Page *p, int k)
{
    const Grid *g = p->g;
    int title = columns(g->place[k].text), text = 0, spread = 0;

    for (int i = g->columns + k; i < g->n; i += g->columns) {
        const Place *at = &g->place[i];

        text = larger(text, columns(at->text));
        if (at->spread)
            spread = larger(spread, columns(p->mark) + columns(at->spread));
    }
    if (text)
        text = larger(text, title - spread);
    return (Width){text, text ? text + spread : 0};
}

static void set_widths(Page *p, int close)
{
    p->gap = close ? 1 : 2;
    p->mark = close ? "±" : " ± ";
    for (int k = 0; k < p->g->columns; k++)
        p->w[k] = width_of(p, k);
}

/* The first column that does not fit behind the first one and those from
 * `from` on, but at least one does. */
static int fitting(const Page *p, int from, int width)
{
    int at = p->w[0].all, k = from;

    for (; k < p->g->columns; k++) {
        at += p->w[k].all ? p->gap + p->w[k].all : 0;
        if (at > width && k > from)
            break;
    }
    return k;
}

/* The first column and those from..to of a row; the first begins at the left,
 * all others end at the right.  No blanks are printed that nothing follows. */
static void print_row(const Page *p, int row, int from, int to)
{
    int due = 0;

    for (int k = 0; k < to; k = k ? k + 1 : from) {
        const Place *at = &p->g->place[row * p->g->columns + k];
        int used = columns(at->text), fill = larger(p->w[k].text - used, 0);

        if (!p->w[k].all)
            continue;
        due += k ? p->gap + fill : 0;
        used += k ? fill : 0;
        if (*at->text) {
            printf("%*s%s", due, "", at->text);
            due = 0;
        }
        if (at->spread) {
            printf("%s%s", p->mark, at->spread);
            used += columns(p->mark) + columns(at->spread);
        }
        due += p->w[k].all - used;
    }
    putchar('\n');
}

void grid_print(const Grid *g, int width)
{
    Page p = {.g = g, .w = calloc((size_t)g->columns, sizeof *p.w)};
    int full = p.w != NULL, to;

    for (int i = 0; i < g->n; i++)
        full &= g->place[i].text != NULL;
    if (full)
        set_widths(&p, 0);
    if (full && fitting(&p, 1, width) < g->columns) {
        set_widths(&p, 1);
        if (fitting(&p, 1, width) < g->columns)
            set_widths(&p, 0); /* it comes in pieces in any case */
    }
    for (int from = 1; full && from < g->columns; from = to) {
        to = fitting(&p, from, width);
        if (from > 1)
            putchar('\n');
        for (int row = 0; row < g->rows; row++)
            print_row(&p, row, from, to);
    }
    free(p.w);
}
