/* The run time of emitted files: the pieces of vmath.h, emitrt.h, squarert.h,
 * streamrt.h and fewbits.h that a file calls, and what those call, pasted in
 * their order there. */
#include "emit.h"

#include <ctype.h>
#include <string.h>

/* The texts of ../runtime, made part of the program by tools/embed.sh. */
extern const unsigned char embed_vmath[], embed_emitrt[], embed_squarert[],
    embed_streamrt[], embed_fewbits[], embed_sweepop[];

typedef struct Piece {
    const char *text; /* with the real type and names put in */
    const char *name; /* interned: the function it defines */
    bool needed;
} Piece;

typedef struct Paste {
    Emit *e;
    VEC(Piece) piece;
} Paste;

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static size_t word_length(const char *s)
{
    size_t n = 0;
    while (is_word(s[n]))
        n++;
    return n;
}

/* What vmath.h says that `name` is in the C library, or name itself. */
static const char *library_name(Emit *e, const char *name)
{
    const char *line = arena_printf(e->arena, "\n#define %s ", name);
    const char *at = strstr((const char *)embed_vmath, line);
    if (!at)
        return name;
    at += strlen(line);
    return arena_strndup(e->arena, at, word_length(at));
}

const char *emit_function_name(Emit *e, const char *name)
{
    size_t n = strlen(name);
    const char *own =
        arena_printf(e->arena, "%.*s%s", (int)(name[n - 1] == 'F' ? n - 1 : n),
                     name, name[n - 1] == 'F' && !e->o->real64 ? "f" : "");
    const char *library = library_name(e, own);
    if (library == own)
        emit_use(e, own);
    return library;
}

/* VM(exp) at s: its name in this precision; returns what follows. */
static const char *put_math(Paste *p, Buf *b, const char *s)
{
    size_t n = word_length(s + 3);
    const char *name = arena_printf(p->e->arena, "vm_%.*s%s", (int)n, s + 3,
                                    p->e->o->real64 ? "" : "f");
    buf_puts(b, library_name(p->e, name));
    return s + 3 + n + 1;
}

/* The piece's text with REAL, VM() and VM_INLINE replaced. */
static char *put_in(Paste *p, const char *s, const char *end)
{
    Buf b;
    buf_init(&b, p->e->arena);
    while (s < end) {
        size_t n = word_length(s);
        if (n == 2 && !strncmp(s, "VM(", 3)) {
            s = put_math(p, &b, s);
            continue;
        }
        if (n == 4 && !strncmp(s, "REAL", 4))
            buf_puts(&b, p->e->real);
        else if (n == 9 && !strncmp(s, "VM_INLINE", 9))
            buf_puts(&b, "static inline");
        else
            buf_add(&b, s, n ? n : 1);
        s += n ? n : 1;
    }
    return b.s;
}

static const char *skip_comment(const char *s)
{
    if (strncmp(s, "/*", 2))
        return s;
    s = strstr(s, "*/");
    return s ? s + 2 : "";
}

/* What follows a group of directives, which begins with a condition. */
static const char *skip_conditions(const char *s)
{
    bool more = !strncmp(s, "#if", 3);
    while (more && *s) {
        const char *end = s + strcspn(s, "\n");
        more = end[-1] == '\\' || end[1] == '#';
        s = *end ? end + 1 : end;
    }
    return s;
}

/* The word before the first parenthesis after the comment; of a constant, the
 * one after the brace. */
static const char *defined_name(Paste *p, const char *text)
{
    const char *s = skip_comment(text);
    s += strspn(s, "\n");
    s = skip_conditions(s);
    if (!strncmp(s, "enum {", 6) || !strncmp(s, "#define ", 8)) {
        s += *s == '#' ? 8 : 6;
        s += strspn(s, " \n");
        return intern(p->e->intern, s, word_length(s));
    }
    const char *open = strchr(s, '(');
    if (*s == '#' || !open)
        return NULL;
    const char *lo = open;
    while (lo > s && is_word(lo[-1]))
        lo--;
    return intern(p->e->intern, lo, (size_t)(open - lo));
}

static void cut_pieces(Paste *p, const char *s)
{
    while (*s) {
        const char *end = strstr(s, "\n\n");
        end = end ? end + 1 : s + strlen(s);
        Piece piece = {put_in(p, s, end), NULL, false};
        piece.name = defined_name(p, piece.text);
        if (piece.name)
            vec_push(p->e->arena, &p->piece, piece);
        s = end;
        while (*s == '\n')
            s++;
    }
}

static void need(Paste *p, const char *interned);

/* Everything that the text of a piece mentions. */
static void need_calls(Paste *p, const char *s)
{
    while (*s) {
        if (!strncmp(s, "/*", 2)) {
            s = skip_comment(s);
            continue;
        }
        size_t n = word_length(s);
        if (n)
            need(p, intern(p->e->intern, s, n));
        s += n ? n : 1;
    }
}

static void need(Paste *p, const char *interned)
{
    for (int i = 0; i < p->piece.n; i++)
        if (p->piece.v[i].name == interned && !p->piece.v[i].needed) {
            p->piece.v[i].needed = true;
            need_calls(p, p->piece.v[i].text);
        }
}

void emit_paste(Emit *e, Buf *out)
{
    Paste p = {e, {0}};
    cut_pieces(&p, (const char *)embed_vmath);
    int math = p.piece.n;
    cut_pieces(&p, (const char *)embed_emitrt);
    cut_pieces(&p, (const char *)embed_squarert);
    cut_pieces(&p, (const char *)embed_streamrt);
    cut_pieces(&p, (const char *)embed_fewbits);
    for (int i = 0; i < e->kernels.n; i++)
        need(&p, e->kernels.v[i]);
    Buf text;
    buf_init(&text, e->arena);
    bool exact = false;
    for (int i = 0; i < p.piece.n; i++)
        if (p.piece.v[i].needed) {
            exact |= i < math;
            buf_printf(&text, "%s\n", p.piece.v[i].text);
        }
    buf_puts(out, "\n");
    if (exact)
        buf_puts(out, "#ifdef __FAST_MATH__\n#error \"exact floating point is "
                      "needed: build without -ffast-math\"\n#endif\n\n");
    if (strstr(text.s, "INDEPENDENT") || e->independent)
        buf_puts(out,
                 "/* Before a loop whose iterations do not touch one another's "
                 "values. */\n"
                 "#if defined(__clang__)\n"
                 "#pragma clang diagnostic ignored \"-Wpass-failed\"\n"
                 "#define INDEPENDENT "
                 "_Pragma(\"clang loop vectorize(assume_safety)\")\n"
                 "#elif defined(__GNUC__)\n"
                 "#define INDEPENDENT _Pragma(\"GCC ivdep\")\n"
                 "#else\n#define INDEPENDENT\n#endif\n\n");
    buf_puts(out, text.s);
    const char *sweepop = (const char *)embed_sweepop;
    if (e->owned)
        buf_puts(out, put_in(&p, sweepop, sweepop + strlen(sweepop)));
}
