/* Cells of the elaboration: a layer is a cell with its arguments (weights);
 * an application puts its equations into a scope of their own.  No cell is
 * known by name here but the combinators whose naming rules are part of the
 * language: stack, iterate and rev. */
#include <string.h>

#include "elab.h"

#define MAX_DEPTH 500 /* nesting of cells: a cell that contains itself */

static bool combinator(const char *name)
{
    return !strcmp(name, "stack") || !strcmp(name, "iterate") ||
           !strcmp(name, "rev");
}

/* Whether the name's own text, where it is written, may be a layer: a pattern
 * of which each use makes weights of its own. */
static bool stands_for_layer(const Name *n)
{
    return n->kind == N_ARG || n->kind == N_OPTION;
}

/* Does the expression stand for a layer (weights), not for a value? */
bool is_layer(Elab *e, Scope *s, Ast *a, int depth)
{
    if (depth > MAX_DEPTH)
        return false;
    if (a->kind == A_INDEX)
        return is_layer(e, s, a->kid, depth + 1);
    if (a->kind == A_CALL) {
        if (a->kid->kind != A_NAME)
            return false;
        Name *n = scope_lookup(e, s, a->kid->name);
        return n ? n->kind == N_CELL : combinator(a->kid->name);
    }
    if (a->kind != A_NAME)
        return false;
    Name *n = scope_lookup(e, s, a->name);
    if (!n || !n->rhs || n->part >= 0)
        return false;
    if (stands_for_layer(n))
        return is_template(e, n->from, n->rhs, depth + 1);
    return n->kind == N_EQN && is_layer(e, n->scope, n->rhs, depth + 1);
}

/* The same where no call follows: there a cell that needs no arguments may be
 * named alone, as in bi(unit). */
bool is_template(Elab *e, Scope *s, Ast *a, int depth)
{
    Name *n = a->kind == A_NAME ? scope_lookup(e, s, a->name) : NULL;
    return (n && n->kind == N_CELL) || is_layer(e, s, a, depth);
}

/* Name under which an instance without one is counted. */
static const char *layer_word(Elab *e, Scope *s, Ast *a)
{
    while (a->kind == A_INDEX)
        a = a->kid;
    if (a->kind == A_CALL && !strcmp(a->kid->name, "rev") && a->kid->next)
        return layer_word(e, s, a->kid->next);
    if (a->kind == A_CALL)
        return a->kid->name;
    Name *n = scope_lookup(e, s, a->name);
    return n && stands_for_layer(n) ? layer_word(e, n->from, n->rhs) : a->name;
}

static Ast *site_layer(Elab *e, Scope *s, Ast *a)
{
    if (a->kind == A_CALL && is_layer(e, s, a->kid, 0))
        return a->kid;
    if (a->kind == A_PIPE && is_template(e, s, a->kid->next, 0))
        return a->kid->next;
    return NULL;
}

/* Counts, in order of the text, the applications in `a` that are counted
 * under `word`; stops at `target`. */
static bool count_sites(Elab *e, Scope *s, Ast *a, const char *word,
                        Ast *target, bool whole, int *count)
{
    Ast *layer = site_layer(e, s, a);
    bool found = false;
    for (Ast *k = a->kid; k && !found; k = k->next) {
        if (layer == k && a->kind == A_CALL)
            continue; /* a template: its instances are named elsewhere */
        found = count_sites(e, s, k, word, target, false, count);
    }
    if (found)
        return true;
    if (layer && !whole && !strcmp(layer_word(e, s, layer), word))
        ++*count;
    return a == target;
}

static int site_number(Elab *e, Scope *s, Ast *target, const char *word,
                       Ast *body)
{
    int count = 0;
    for (Ast *st = body; st; st = st->next) {
        if (st->kind == A_CELL || st->kind == A_FN)
            continue;
        for (Ast *k = st->kid; k; k = k->next) {
            bool whole = st->kind == A_EQ && k != st->kid;
            if (count_sites(e, s, k, word, target, whole, &count))
                return count;
        }
    }
    return count + 1;
}

/* What the applied layer is called in its scope: the equation's name if it is
 * the whole of it, else the cell's name and a number. */
const char *site_name(Elab *e, Scope *s, Ast *site, Ast *layer)
{
    for (int i = 0; i < s->order.n; i++) {
        Name *n = s->order.v[i];
        if (n->kind == N_EQN && n->rhs == site && n->part < 0 &&
            n->name[0] != '_')
            return n->name;
    }
    const char *word = layer_word(e, s, layer);
    Ast *body = s->app ? ast_find(s->app->layer->cell, A_BODY)->kid : e->body;
    int number = site_number(e, s, site, word, body);
    return arena_printf(e->arena, "%s%d", word, number);
}

static Layer *layer_new(Elab *e, LayerKind kind, const char *prefix, Ast *call)
{
    Layer *l = NEW(e->arena, Layer);
    l->kind = kind;
    l->prefix = prefix;
    l->call = call;
    l->span = call->span;
    return l;
}

static Layer *layer_make(Elab *e, Scope *s, Ast *a, const char *prefix,
                         bool fresh);

/* stack(k, f) has weights for each of k levels, iterate(k, f) one set. */
static Layer *layer_levels(Elab *e, Scope *s, Ast *call, const char *prefix,
                           bool fresh)
{
    const char *word = call->kid->name;
    bool shared = !strcmp(word, "iterate");
    Ast *count = call->kid->next, *inner = count ? count->next : NULL;
    if (!inner || inner->next || !is_template(e, s, inner, 0)) {
        if (e->building)
            diag(e->diags, E_COMBINATOR, call->span, word,
                 arena_printf(e->arena, "%s(2, lstm(64))", word));
        return NULL;
    }
    const char *what = shared ? "the number of rounds" : "the number of levels";
    Val k = expr_number(e, s, count, what);
    if (k.kind != V_TENSOR || !k.size || k.num < 0) {
        if (e->building && k.kind == V_TENSOR)
            diag(e->diags, E_NOT_SIZE, count->span, what);
        return NULL;
    }
    Layer *l = layer_new(e, LAYER_STACK, prefix, call);
    int levels = dim_value(k.size) < 0 ? 2 : (int)k.num; /* open: to check */
    for (int i = 1; i <= levels; i++) {
        const char *p = full_name(e, prefix, arena_printf(e->arena, "%d", i));
        Layer *level = shared && i > 1 ? l->level.v[0]
                       : shared        ? layer_make(e, s, inner, prefix, fresh)
                                       : layer_make(e, s, inner, p, true);
        if (!level)
            return NULL;
        vec_push(e->arena, &l->level, level);
    }
    return l;
}

static Layer *layer_rev(Elab *e, Scope *s, Ast *call, const char *prefix,
                        bool fresh)
{
    Ast *inner = call->kid->next;
    if (!inner || inner->next || !is_template(e, s, inner, 0)) {
        if (e->building)
            diag(e->diags, E_COMBINATOR, call->span, "rev", "rev(lstm(64))");
        return NULL;
    }
    Layer *l = layer_new(e, LAYER_REV, prefix, call);
    Layer *of = layer_make(e, s, inner, prefix, fresh);
    if (of)
        vec_push(e->arena, &l->level, of);
    return of ? l : NULL;
}

/* `fresh`: what a name stands for is only the pattern of new weights. */
static Layer *layer_make(Elab *e, Scope *s, Ast *a, const char *prefix,
                         bool fresh)
{
    while (a->kind == A_INDEX)
        a = a->kid;
    Name *n = scope_lookup(e, s, a->kind == A_NAME ? a->name : a->kid->name);
    if (a->kind == A_NAME && n->kind != N_CELL) {
        n->used = true;
        if (stands_for_layer(n))
            return layer_make(e, n->from, n->rhs, prefix, true);
        if (fresh)
            return layer_make(e, n->scope, n->rhs, prefix, true);
        if (!n->layer)
            n->layer =
                layer_make(e, n->scope, n->rhs,
                           full_name(e, n->scope->weights, n->name), false);
        return n->layer;
    }
    if (!n && !strcmp(a->kid->name, "rev"))
        return layer_rev(e, s, a, prefix, fresh);
    if (!n)
        return layer_levels(e, s, a, prefix, fresh);
    n->used = true;
    Layer *l = layer_new(e, LAYER_CELL, prefix, a);
    l->cell = n->decl;
    l->home = n->scope;
    l->scope = s;
    return l;
}

/* The layer that `a` constructs or names; `prefix` for new weights. */
Layer *layer_of(Elab *e, Scope *s, Ast *a, const char *prefix)
{
    return layer_make(e, s, a, prefix, false);
}

/* An argument by a name that the cell does not have, or one too many. */
static Ast *stray_argument(const Ast *cell, Ast *given)
{
    for (; given; given = given->next) {
        bool known = false;
        for (Ast *p = cell->kid; p; p = p->next)
            known |= p->kind == A_ARG && given->kind == A_KEY &&
                     given->name == p->name;
        if (!known)
            return given;
    }
    return NULL;
}

/* Binds the cell's arguments (n, forget = 1) to the expressions given. */
static bool bind_arguments(Elab *e, App *app)
{
    Layer *l = app->layer;
    Ast *given = l->call->kind == A_CALL ? l->call->kid->next : NULL;
    bool ok = true;
    int want = 0, have = 0;
    for (Ast *p = l->cell->kid; p; p = p->next)
        want += p->kind == A_ARG;
    for (Ast *p = given; p; p = p->next)
        have++;
    for (Ast *p = l->cell->kid; p && p->kind == A_ARG; p = p->next) {
        Name *n = scope_add(e, app->scope, N_ARG, p->name, p->name_span);
        n->rhs = NULL;
        if (given && given->kind != A_KEY) {
            n->rhs = given;
            n->from = l->scope;
            given = given->next;
        }
        for (Ast *k = given; k && !n->rhs; k = k->next)
            if (k->kind == A_KEY && k->name == p->name) {
                n->rhs = k->kid;
                n->from = l->scope;
            }
        if (!n->rhs && p->kid) {
            n->rhs = p->kid;
            n->from = app->scope; /* it may name other arguments */
        }
        ok &= n->rhs != NULL;
    }
    Ast *stray = stray_argument(l->cell, given);
    if (stray && stray->kind == A_KEY && e->building) {
        diag(e->diags, E_ARGUMENT_NAME, stray->span, l->cell->name,
             stray->name);
        diag_note(e->diags, l->cell->name_span, "%s is defined here",
                  l->cell->name);
        diag_help(e->diags,
                  "parameters and start values stand behind the "
                  "inputs: %s(...)(x, %s = ...)",
                  l->cell->name, stray->name);
    } else if ((!ok || stray) && e->building) {
        Buf b;
        buf_init(&b, e->arena);
        for (Ast *p = l->cell->kid; p && p->kind == A_ARG; p = p->next) {
            buf_printf(&b, "%s%s", p == l->cell->kid ? "" : ", ", p->name);
            buf_puts(&b, p->kid ? " = " : "");
            if (p->kid)
                ast_print_expr(&b, p->kid);
        }
        diag(e->diags, E_ARGUMENTS, l->call->span, l->cell->name, want, b.s,
             have);
        diag_note(e->diags, l->cell->name_span, "%s is defined here",
                  l->cell->name);
    }
    return ok && !stray;
}

/* The arguments by position; `...` stands for those that the caller's own cell
 * was given behind its inputs. */
static bool spread(Elab *e, Scope *caller, Ast *rest, GivenList *to)
{
    bool ok = true;
    for (; rest; rest = rest->next) {
        if (rest->kind == A_KEY)
            continue;
        Given g = {rest, caller};
        if (rest->kind != A_NAME || strcmp(rest->name, "...")) {
            vec_push(e->arena, to, g);
            continue;
        }
        const App *own = caller->app;
        for (int i = 0; own && i < own->more.n; i++)
            vec_push(e->arena, to, own->more.v[i]);
        if (own && own->scope->open)
            continue;
        if (e->building)
            diag(e->diags, E_REST, rest->span);
        ok = false;
    }
    return ok;
}

/* Inputs by position; the first may be the value of another application. */
static bool bind_inputs(Elab *e, App *app, Scope *caller, Ast *first, App *feed,
                        Ast *rest)
{
    bool fed = first || feed;
    int want = 0, next = 0;
    GivenList given = {0};
    if (!spread(e, caller, rest, &given))
        return false;
    bool ok = true;
    int have = fed + given.n;
    for (int i = 0; i < app->scope->order.n; i++) {
        Name *n = app->scope->order.v[i];
        if (n->kind != N_INPUT)
            continue;
        want++;
        n->kind = N_ARG;
        n->from = caller;
        if (fed) {
            n->rhs = first;
            n->feed = feed;
            fed = false;
            continue;
        }
        ok &= next < given.n;
        if (next < given.n) {
            n->rhs = given.v[next].e;
            n->from = given.v[next++].from;
        }
    }
    for (; app->scope->open && next < given.n; next++)
        vec_push(e->arena, &app->more, given.v[next]);
    ok &= next == given.n;
    if ((!ok || fed) && e->building) {
        diag(e->diags, E_INPUTS, app->call->span, app->layer->cell->name, want,
             have);
        diag_note(e->diags, app->layer->cell->name_span, "%s is defined here",
                  app->layer->cell->name);
        if (!want)
            diag_help(e->diags, "what a cell takes is declared in it: input "
                                "x[m]");
    }
    return ok && !fed;
}

static App *app_stack(Elab *e, Scope *s, Ast *site, Layer *l,
                      const char *prefix, Ast *first, App *feed, Ast *rest,
                      bool reversed)
{
    App *app = NEW(e->arena, App);
    app->layer = l;
    app->call = site;
    app->through = first ? first : rest;
    app->from = s;
    app->feed = feed;
    for (int i = 0; i < l->level.n; i++) {
        const char *p =
            full_name(e, prefix, arena_printf(e->arena, "%d", i + 1));
        App *level =
            app_make(e, s, site, l->level.v[i], p, first, feed, rest, reversed);
        if (!level)
            return NULL;
        vec_push(e->arena, &app->level, level);
        app->broken |= level->broken;
        if (!first && !feed && rest) /* it is fed by the level below */
            rest = rest->next;
        first = NULL;
        feed = level;
    }
    return app;
}

App *app_make(Elab *e, Scope *s, Ast *site, Layer *l, const char *prefix,
              Ast *first, App *feed, Ast *rest, bool reversed)
{
    if (e->depth > MAX_DEPTH) {
        if (e->building)
            diag(e->diags, E_RECURSIVE, site->span);
        return NULL;
    }
    l->uses++;
    if (l->kind == LAYER_REV)
        return app_make(e, s, site, l->level.v[0], prefix, first, feed, rest,
                        !reversed);
    if (l->kind == LAYER_STACK)
        return app_stack(e, s, site, l, prefix, first, feed, rest, reversed);
    App *app = NEW(e->arena, App);
    app->layer = l;
    app->outer = s->app;
    app->call = site;
    app->scope = scope_new(e, l->home, prefix);
    app->scope->weights = l->prefix;
    app->scope->app = app;
    app->scope->reversed = reversed;
    app->scope->where = l->cell->name;
    app->val = val_unknown(0);
    e->depth++;
    bool ok = bind_arguments(e, app);
    scope_collect(e, app->scope, ast_find(l->cell, A_BODY)->kid);
    ok &= bind_inputs(e, app, s, first, feed, rest);
    for (Ast *k = rest; k && ok; k = k->next)
        if (k->kind == A_KEY)
            ok &= over_bind(e, app, s, k);
    e->depth--;
    e->changed = true;
    app->broken = !ok;
    return app;
}
