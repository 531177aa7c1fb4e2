/* Kernels of the run time in generated code, and the style of the C compiler
 * in process: elementwise clusters are the loops of emitloops.c, and all else
 * calls the same kernels as the text for libtcc, so that both give the same
 * bits.  The text reaches the kernels through pointers that cell_link fills
 * in (jit.c), and so needs no symbols of the program that loads it. */
#include "emit.h"

#include <string.h>

#include "../runtime/kernels.h"
#include "ops.h"

#define TEXT(...) #__VA_ARGS__
#define EXPANDED(...) TEXT(__VA_ARGS__)
const EmitKernel emit_kernels[] = {
#define KERNEL(name, params, args) {#name, TEXT params, NULL},
#define STRIP(count, name, value) {#name, EXPANDED(RT_PARAMS##count), NULL},
#define JOIN(count, name, of, value) {#name, EXPANDED(RT_PARAMS##count), #of},
#include "../runtime/kernels.def"
#include "../runtime/strips.def"
    {NULL, NULL, NULL},
#undef KERNEL
#undef STRIP
};

static const char *full_name(Emit *e, const char *kernel)
{
    return intern_str(e->intern, arena_printf(e->arena, "rt_%s_%s", kernel,
                                              e->o->real64 ? "f64" : "f32"));
}

const char *emit_kernel_call(Emit *e, const char *kernel)
{
    for (const EmitKernel *k = emit_kernels; k->name; k++)
        if (!strcmp(k->name, kernel))
            return full_name(e, kernel);
    return kernel;
}

/* The kernels that the text calls, each in a line: `format` with its name and
 * its parameters put in. */
typedef void PrintKernel(Buf *out, const char *name, const char *params);

static void print_kernels(Emit *e, Buf *out, PrintKernel *print)
{
    for (const EmitKernel *k = emit_kernels; k->name; k++) {
        const char *name = full_name(e, k->name);
        for (int j = 0; j < e->kernels.n; j++)
            if (e->kernels.v[j] == name)
                print(out, name, k->params);
    }
    for (int j = 0; j < e->kernels.n; j++)
        if (!strcmp(e->kernels.v[j], emit_lanes_kernel.name))
            print(out, emit_lanes_kernel.name, emit_lanes_kernel.params);
}

static void print_prototype(Buf *out, const char *name, const char *params)
{
    buf_printf(out, "void %s(%s);\n", name, params);
}

void emit_kernel_prototypes(Emit *e, Buf *out)
{
    buf_printf(out, "#define REAL %s\n", e->real);
    print_kernels(e, out, print_prototype);
}

EmitStyle emit_kernels_style(void)
{
    EmitStyle style = emit_loops_style;
    style.call = emit_kernel_call;
    style.head = emit_kernel_prototypes;
    return style;
}

static void print_pointer(Buf *out, const char *name, const char *params)
{
    buf_printf(out, "static void (*%s)(%s);\n", name, params);
}

static void print_link(Buf *out, const char *name, const char *params)
{
    buf_printf(out, "    %s = (void (*)(%s))find(\"%s\");\n", name, params,
               name);
}

/* Whether a loop with this operation stays scalar: it calls the C library,
 * and for more than compilers have instructions for. */
static bool is_scalar(Emit *e, Op op)
{
    static const char *const inlined[] = {"sqrtf", "fabsf", "floorf"};
    const char *call = strstr(op_row[op].c ? op_row[op].c : "", "vm_");
    if (!call || e->o->real64) /* in double the strips do the same */
        return false;
    const char *name = emit_function_name(
        e, arena_strndup(e->arena, call, strcspn(call, "(")));
    bool scalar = strncmp(name, "vm_", 3) != 0;
    for (size_t i = 0; i < sizeof inlined / sizeof *inlined; i++)
        scalar &= strcmp(name, inlined[i]) != 0;
    return scalar;
}

/* One such operation would keep the others of its loop from vectorising. */
static void linked_fused(Emit *e, const Kernel *k, EmitRows rows)
{
    bool scalar = false, call = false;
    for (int i = 0; i < k->inst.n; i++) {
        scalar |= is_scalar(e, k->inst.v[i].op);
        call |= k->inst.v[i].op == OP_CALL;
    }
    if (scalar && !call && k->inst.n > 1)
        emit_strips_fused(e, k, rows);
    else
        emit_loops_style.fused(e, k, rows);
}

static void linked_locals(Emit *e, Buf *out)
{
    emit_loops_style.locals(e, out);
    emit_strips_locals(e, out);
}

static void print_pointers(Emit *e, Buf *out)
{
    buf_printf(out, "#define REAL %s\n", e->real);
    print_kernels(e, out, print_pointer);
    emit_own_head(e, out);
}

const char *emit_linked(const Plan *p, const EmitOptions *o, Arena *a)
{
    EmitStyle style = emit_kernels_style();
    EmitOptions plain = *o;
    plain.nsize = 0;
    style.head = print_pointers;
    style.comments = false;
    style.sweeps = true;
    style.owns = true;
    style.splits = true;
    style.fused = linked_fused;
    style.locals = linked_locals;
    Emit e;
    emit_init(&e, p, &plain, a, &style);
    emit_strips_names(&e);
    e.fixed = e.taken.n;
    Buf out;
    buf_init(&out, a);
    emit_loops_file(&e, &out, "#include <math.h>\n#include <stdint.h>\n");
    emit_entries(&e, &out, "");
    buf_puts(&out,
             "\nvoid cell_link(void (*(*find)(const char *))(void))\n{\n");
    print_kernels(&e, &out, print_link);
    buf_puts(&out, "    (void)find;\n}\n");
    return out.s;
}
