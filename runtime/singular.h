/* Singular values of a matrix: the largest and the smallest. */
#ifndef CELLC_SINGULAR_H
#define CELLC_SINGULAR_H

#include <stdint.h>

#include "rterr.h"

/* Of a[rows,columns], row-major; the smallest of min(rows, columns) values.
 * Householder reflections make the matrix bidiagonal, bisection finds the
 * values of that to full relative precision (Golub and Kahan 1965; Demmel and
 * Kahan 1990).  Absolute error: a few units of rounding of the largest. */
int singular_ends(const double *a, int64_t rows, int64_t columns,
                  double *largest, double *smallest, RtError *err);
/* Root of the sum of the squares of n numbers, without over- or underflow. */
double frobenius_norm(const double *a, int64_t n);

#endif
