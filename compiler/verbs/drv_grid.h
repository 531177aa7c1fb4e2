/* A table for people, on standard output. */
#ifndef DRV_GRID_H
#define DRV_GRID_H

/* What stands in a place: a text, and what comes after ± behind it or NULL. */
typedef struct Place {
    char *text, *spread;
} Place;

/* Filled row by row, the titles first. */
typedef struct Grid {
    Place *place; /* [rows * columns] */
    int rows, columns, n;
} Grid;

/* Start with rows and columns set; 0, or -1 without memory. */
int grid_start(Grid *g);
/* Takes both; NULL for a text: there was no memory, and nothing is printed. */
void grid_add(Grid *g, char *text, char *spread);
/* Columns as wide as they must be, without those that have nothing below their
 * title, closer to each other where `width` wants it; what does not fit into it
 * comes in further pieces, which begin with the first column again. */
void grid_print(const Grid *g, int width);
void grid_free(Grid *g);

#endif
