"""What a model must beat: the commonest label, and the commonest label of the same word (of its last three letters
where the word is new)."""
from collections import Counter, defaultdict

from data import TASKS, WORD_TASKS
from features import LOWER


def commonest(train, test):
    """{task: per cent right} when every word, or sentence, gets the commonest label."""
    found = {}
    for task in TASKS:
        flat = [[label for s in part for label in (s.labels[task] if task in WORD_TASKS else [s.labels[task]])] for part in (train, test)]
        best = Counter(flat[0]).most_common(1)[0][0]
        found[task] = 100 * flat[1].count(best) / len(flat[1])
    return found


def by_word(train, test):
    """{task: per cent right} of a look-up by word, then by lower-cased word, then by its last three letters."""
    keys = (str, lambda w: w.translate(LOWER), lambda w: w[-3:])
    found = {}
    for task in WORD_TASKS:
        tables = [defaultdict(Counter) for _ in keys]
        for s in train:
            for word, label in zip(s.words, s.labels[task]):
                for table, key in zip(tables, keys):
                    table[key(word)][label] += 1
        whole = Counter(label for s in train for label in s.labels[task]).most_common(1)[0][0]
        right = count = 0
        for s in test:
            for word, label in zip(s.words, s.labels[task]):
                hit = next((t[k(word)] for t, k in zip(tables, keys) if k(word) in t), None)
                right += (hit.most_common(1)[0][0] if hit else whole) == label
                count += 1
        found[task] = 100 * right / count
    return found
