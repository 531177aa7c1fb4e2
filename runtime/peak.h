/* The speed of this machine's multiply-adds, as our own matrix products reach
 * it: what "share of the peak" is a share of. */
#ifndef RT_PEAK_H
#define RT_PEAK_H

/* GFLOP/s of one thread in single precision, a multiply-add counting two: the
 * best of all instruction sets of the machine and of several shapes whose
 * operands stay in the caches, tried in turn for about `seconds` in all (each
 * at least once).  0 without memory. */
double rt_peak(double seconds);

#endif
