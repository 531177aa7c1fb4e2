/* Programs of the run time's kernel `sweep` while they are made: between
 * emitsweep.c, emitturn.c, emitchain.c and emitprogram.c, which prints them. */
#ifndef CELLC_EMITSWEEP_H
#define CELLC_EMITSWEEP_H

#include "../runtime/sweep.h"
#include "emit.h"
#include "sweep.h"

enum { SWEEP_SPACE = 64 }; /* bytes of a vector, and more reals than that */

/* An operand of an operation. */
typedef enum OperandKind {
    AN_INST,  /* what instruction `at` of the sweep gives */
    AN_ARRAY, /* array `at`: lines of a matrix, or one for all */
    A_NUMBER, /* array `at`: a number for each line, or one for all */
    A_STATE   /* what state `at` was before the step at hand */
} OperandKind;

typedef struct Operand {
    OperandKind kind;
    int at;
    int own; /* 1: each line has its own, 2: room for one */
    Val val; /* A_NUMBER: what it is */
} Operand;

static inline Operand operand(OperandKind kind, int at, int own)
{
    return (Operand){kind, at, own, -1};
}

/* An instruction of any of the FUSED kernels, or a TAIL. */
typedef struct Step {
    Op op;
    int nin;
    Operand in[2];
    const Kernel *tail; /* or NULL */
    bool thin;          /* it gives a number of each line */
    Val made;           /* what it gives, or -1 */
    Val out;            /* the same if it must be stored, or -1 */
    int room; /* scratch lines of all steps of a turn in its place, -1: none */
    int uses; /* by instructions */
    bool whole; /* it is computed in its turn, not where it is used */
    bool read;  /* a product looks at it */
    int spare;  /* its scratch line, -1: none */
    bool done;
} Step;

/* A product, or a sum of lines. */
typedef struct Read {
    const Kernel *k;
    SweepRole role;
    int body;
    bool feeds; /* what it gives is a number that others in the body use */
    Operand x;  /* the matrix */
    Operand y;  /* PAIRS: the other one */
    bool done;
} Read;

/* A state that a turn takes from step to step. */
typedef struct State {
    Val base;        /* the buffer */
    Val start, made; /* it before the first step; and at the step at hand */
    int maker;       /* the instruction that gives it */
    int spare;       /* scratch line of what it was before, -1: none */
    const Kernel *last, *kept; /* what is done beside that, or NULL */
} State;

/* What is done at each step: of a turn again, and then. */
typedef struct Body {
    const Kernel *v;
    int n, dir;
    int from, to; /* its instructions */
    VEC(State) state;
} Body;

/* Scratch lines of a state that is computed again: before the first step, then
 * of each step of the turn. */
typedef struct Room {
    Val base;
    int line;
} Room;

typedef struct Array {
    const char *text;  /* of a pointer to it, */
    const char *ahead; /* and of the reals from one step to the next */
} Array;

typedef struct Program {
    Emit *e;
    EmitRows rows;
    int bit;               /* of the loop's axis */
    int64_t lines, length; /* of the matrices */
    int64_t tall;          /* lines of a scratch line: as many go abreast */
    int64_t turn;          /* steps; 0: it is one step of the loop */
    Body body[2];
    int bodies, at; /* how many there are, and the one at hand */
    VEC(Room) room;
    VEC(Step) step;
    VEC(Read) read;
    VEC(Array) array;
    VEC(const char *) end; /* pointers at the last step */
    VEC(int) code;
    VEC(int)
    chain;        /* of kernel `chain`, which may do it instead (emitchain.c) */
    int count;    /* operations */
    int dots;     /* of them sums of products */
    Operand hand; /* the line at hand */
    int spare;    /* scratch lines, */
    int aside;    /* and those for operands of one operation */
    bool again;   /* another round is needed */
    bool fails;   /* no program can do it */
} Program;

/* Which array value v is, at the first step, and at the last of a turn; and its
 * scratch line i: `steps`: the first of those of a turn. */
int program_place(Program *p, Val v);
int program_last_place(Program *p, Val v);
Operand program_spare(Program *p, int i, bool steps);
/* An array that is a pointer to lines and the reals from one step to the next.
 */
int program_array(Program *p, const char *text, const char *ahead);
/* The scratch lines of a buffer, -1: none. */
int program_room(const Program *p, Val base);
/* The instruction of a body that gives value v, -1: it is there before. */
int program_maker(const Program *p, int body, Val v);
/* How many steps behind the one at hand value v is. */
int program_row(const Program *p, Val v);
/* Whether anything outside of the sweep looks at value v. */
bool program_seen(const Program *p, Val v);
/* Whether number v is a result of the body at hand, of its step *at, or, if
 * that is -1, of a product, that is not there yet. */
bool program_waits(const Program *p, Val v, int *at);
/* Reads the kernels of the body at hand. */
void program_read(Program *p);
/* Makes the program of what was read by `put`, which is called for as many
 * rounds as that needs; whether the run time takes it. */
bool program_make(Program *p, void (*put)(Program *p));
/* Which array the numbers of lines are that instruction s gives. */
int program_number(Program *p, Step *s);
/* An operation; one on array x; and one on the array x and number s. */
void program_put(Program *p, int code, int x, int xown, int s, int sown);
void program_put_x(Program *p, int code, Operand x);
/* Makes the operand the line at hand. */
void program_take(Program *p, Operand x);
/* All that the body at hand does at a step. */
void program_put_body(Program *p);
/* Where what an instruction gives is stored. */
Operand program_out(Program *p, const Step *s);
/* Sets how many lines there are, and how long, as kernels have them. */
void program_lines(Program *p, const Kernel *v, int n);
/* Numbers as the text of an array's values. */
const char *program_numbers(const Program *p, const int *v, int n);
/* Scratch memory, arrays and the call that does the program for so many steps;
 * parts of it: its operations, and the call of the kernel. */
void program_print(Program *p, const char *steps);
void program_print_code(Program *p);
void program_print_kernel(Program *p, const char *now, const char *steps,
                          const char *ahead);
/* emitown.c: a function of its own in place of the kernel; returns its name.
 */
const char *program_own(Program *p);

#endif
