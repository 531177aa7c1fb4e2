/* A command of another program, word by word, and running it. */
#ifndef DRV_WORDS_H
#define DRV_WORDS_H

typedef struct Words {
    char **v; /* [n + 1], ends with NULL */
    int n;
} Words;

/* Start with `Words w = {0};`.  All return an exit code.  words_add takes over
 * a malloc'd word, NULL being out of memory. */
int words_add(Words *w, char *word);
/* Adds the words of a text, separated by spaces. */
int words_split(Words *w, const char *text);
/* Runs the command and waits; its messages go where ours go. */
int words_run(const Words *w, int verbose);
void words_free(Words *w);

#endif
