/* C text in, callable functions out: in memory by libtcc, or through a
 * temporary directory by the system's C compiler.  The end of the pipeline;
 * knows nothing of graphs. */
#ifndef CELLC_JIT_H
#define CELLC_JIT_H

#include "base.h"

typedef struct Jit Jit;
typedef void JitProc(void); /* to be cast to the function's own type */

typedef enum JitStatus {
    JIT_OK,
    JIT_MISSING, /* this machine cannot: no libtcc, no executable memory, no
                    C compiler; another kind may do */
    JIT_REFUSED  /* the compiler refused the text: a bug of ours */
} JitStatus;

/* Compiles `source`.  On success *out owns the code until jit_free(); else
 * *out is NULL and `err` says why, with the compiler's own messages. */
typedef JitStatus JitCompile(const char *source, Jit **out, Buf *err);

JitCompile jit_tcc; /* text may call rt_*, memmove, memcpy, memset, and what
                       it declares in lines that begin with `extern` */
JitCompile jit_tcc_timed; /* the same with the kernels of runtime/timed.h */
JitCompile jit_cc;        /* $CC or cc at -O3; text may use libc and libm, and
                             rt_* where it has a cell_link (emit.h) */

/* Address of a global function, NULL if there is none of that name. */
JitProc *jit_symbol(const Jit *j, const char *name);
void jit_free(Jit *j); /* NULL is allowed */

#endif
