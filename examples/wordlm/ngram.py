"""python3 ngram.py TRAIN TEST CLASSES: the perplexity of interpolated word counts
(Kneser and Ney 1995, order three, discount 0.75) over the same classes as cellc
--max-classes CLASSES --lower yes has: the floor that networks are held against."""
import collections
import gzip
import math
import sys

train, test, classes = sys.argv[1:]


def words(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rt") as f:
        for line in f:
            yield from line.lower().split()
            yield "<eos>"


known = collections.Counter(words(train))
known = {w for w, _ in known.most_common(int(classes) - 1)}
text = [w if w in known else "<unk>" for w in words(train)]
D = 0.75

three = collections.Counter(zip(text, text[1:], text[2:]))
after = collections.defaultdict(lambda: [0, 0])  # of a pair: count, kinds
for (a, b, _), n in three.items():
    after[a, b][0] += n
    after[a, b][1] += 1
two = collections.Counter((b, c) for _, b, c in three)  # kinds before
middle = collections.defaultdict(lambda: [0, 0])
for (b, _), n in two.items():
    middle[b][0] += n
    middle[b][1] += 1
one = collections.Counter(c for _, c in two)
total = sum(one.values())


def chance(a, b, c):
    p = (one[c] + 0.5) / (total + 0.5 * (len(known) + 1))
    if b in middle:
        n, kinds = middle[b]
        p = max(two[b, c] - D, 0) / n + D * kinds / n * p
    if (a, b) in after:
        n, kinds = after[a, b]
        p = max(three[a, b, c] - D, 0) / n + D * kinds / n * p
    return p


nats = count = 0
a = b = "<eos>"
for w in words(test):
    c = w if w in known else "<unk>"
    nats -= math.log(chance(a, b, c))
    count += 1
    a, b = b, c
print(f"n-grams: perplexity {math.exp(nats / count):.1f} over {count} words")
