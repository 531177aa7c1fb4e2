/* Spelling names of the language in C.  Used by all emitters. */
#include "emit.h"

#include <string.h>
#include <utf8proc.h>

/* Greek letters and marks above a letter by Unicode's code points. */
static const struct {
    int32_t code;
    const char *text;
} spelling[] = {{0x302, "_hat"},    {0x303, "_tilde"}, {0x304, "_bar"},
                {0x307, "_dot"},    {0x391, "Alpha"},  {0x392, "Beta"},
                {0x393, "Gamma"},   {0x394, "Delta"},  {0x395, "Epsilon"},
                {0x396, "Zeta"},    {0x397, "Eta"},    {0x398, "Theta"},
                {0x399, "Iota"},    {0x39A, "Kappa"},  {0x39B, "Lambda"},
                {0x39C, "Mu"},      {0x39D, "Nu"},     {0x39E, "Xi"},
                {0x39F, "Omicron"}, {0x3A0, "Pi"},     {0x3A1, "Rho"},
                {0x3A3, "Sigma"},   {0x3A4, "Tau"},    {0x3A5, "Upsilon"},
                {0x3A6, "Phi"},     {0x3A7, "Chi"},    {0x3A8, "Psi"},
                {0x3A9, "Omega"},   {0x3B1, "alpha"},  {0x3B2, "beta"},
                {0x3B3, "gamma"},   {0x3B4, "delta"},  {0x3B5, "epsilon"},
                {0x3B6, "zeta"},    {0x3B7, "eta"},    {0x3B8, "theta"},
                {0x3B9, "iota"},    {0x3BA, "kappa"},  {0x3BB, "lambda"},
                {0x3BC, "mu"},      {0x3BD, "nu"},     {0x3BE, "xi"},
                {0x3BF, "omicron"}, {0x3C0, "pi"},     {0x3C1, "rho"},
                {0x3C2, "sigma"},   {0x3C3, "sigma"},  {0x3C4, "tau"},
                {0x3C5, "upsilon"}, {0x3C6, "phi"},    {0x3C7, "chi"},
                {0x3C8, "psi"},     {0x3C9, "omega"}};

/* Words that mean something in C or C++, in libc's headers that emitted files
 * include, or in the emitted functions themselves. */
static const char *const reserved[] = {"alignas",
                                       "alignof",
                                       "and",
                                       "and_eq",
                                       "asm",
                                       "auto",
                                       "bitand",
                                       "bitor",
                                       "bool",
                                       "break",
                                       "case",
                                       "catch",
                                       "char",
                                       "class",
                                       "compl",
                                       "const",
                                       "constexpr",
                                       "const_cast",
                                       "continue",
                                       "decltype",
                                       "default",
                                       "delete",
                                       "do",
                                       "double",
                                       "dynamic_cast",
                                       "else",
                                       "enum",
                                       "explicit",
                                       "export",
                                       "extern",
                                       "false",
                                       "float",
                                       "for",
                                       "friend",
                                       "goto",
                                       "if",
                                       "inline",
                                       "int",
                                       "long",
                                       "mutable",
                                       "namespace",
                                       "new",
                                       "noexcept",
                                       "not",
                                       "not_eq",
                                       "nullptr",
                                       "operator",
                                       "or",
                                       "or_eq",
                                       "private",
                                       "protected",
                                       "public",
                                       "register",
                                       "reinterpret_cast",
                                       "restrict",
                                       "return",
                                       "short",
                                       "signed",
                                       "sizeof",
                                       "static",
                                       "static_assert",
                                       "static_cast",
                                       "struct",
                                       "switch",
                                       "template",
                                       "this",
                                       "thread_local",
                                       "throw",
                                       "true",
                                       "try",
                                       "typedef",
                                       "typeid",
                                       "typename",
                                       "typeof",
                                       "union",
                                       "unsigned",
                                       "using",
                                       "virtual",
                                       "void",
                                       "volatile",
                                       "wchar_t",
                                       "while",
                                       "xor",
                                       "xor_eq",
                                       "linux",
                                       "unix",
                                       "NULL",
                                       "NAN",
                                       "INFINITY",
                                       "HUGE_VAL",
                                       "I",
                                       "main",
                                       "errno",
                                       "signgam"};

static bool is_reserved(const char *s)
{
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (!strcmp(reserved[i], s))
            return true;
    return false;
}

static void add_code(Buf *b, int32_t code)
{
    bool digit = code >= '0' && code <= '9';
    bool letter = (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z');
    if (digit && !b->n)
        buf_putc(b, 'v');
    if (digit || letter || code == '_') {
        buf_putc(b, (char)code);
        return;
    }
    for (size_t i = 0; i < sizeof spelling / sizeof *spelling; i++)
        if (spelling[i].code == code) {
            buf_puts(b, spelling[i].text);
            return;
        }
    if (code < 128)
        buf_putc(b, '_');
    else
        buf_printf(b, "u%04x", (unsigned)code);
}

/* The letter and its marks apart, so that accents can be spelled. */
static void add_letter(Buf *b, int32_t code)
{
    int32_t part[8];
    int bound = 0;
    ssize_t n =
        utf8proc_decompose_char(code, part, 8, UTF8PROC_DECOMPOSE, &bound);
    if (n < 1 || n > 8)
        add_code(b, code);
    for (ssize_t i = 0; i < n && n <= 8; i++)
        add_code(b, part[i]);
}

char *emit_identifier(Arena *a, const char *name)
{
    Buf b;
    buf_init(&b, a);
    const utf8proc_uint8_t *s = (const utf8proc_uint8_t *)name;
    while (*s) {
        int32_t code;
        ssize_t n = utf8proc_iterate(s, -1, &code);
        if (n <= 0)
            break;
        add_letter(&b, code);
        s += n;
    }
    if (!b.n)
        buf_puts(&b, "v");
    if (is_reserved(b.s))
        buf_putc(&b, '_');
    return b.s;
}
