"""What a model must beat: the commonest label, and the commonest label of the same word (of its last three letters
where the word is new)."""
import tempfile
from collections import Counter, defaultdict

from data import TASKS, WORD_TASKS
from words import LOWER, flags

PERCEPTRON = "averaged perceptron"


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


def features(words):
    """What the perceptron sees of each word: the word, its letters and patterns as the network reads them, and its neighbours."""
    low = [w.translate(LOWER) for w in words]

    def near(i, name):
        if not 0 <= i < len(low):
            return [f"{name}=none"]
        return [f"{name}={low[i]}", f"{name}:{low[i][-3:]}"]

    return [["bias", f"w={w}", f"s3={w[-3:]}", f"s2={w[-2:]}", f"p2={w[:2]}", *(f"f{n}" for n, on in enumerate(flags(words[i])) if on),
             *near(i - 1, "-1"), *near(i + 1, "+1"), *near(i - 2, "-2"), *near(i + 2, "+2")] for i, w in enumerate(low)]


def perceptron(train, test, task, iterations=10):
    """Per cent right of CRFsuite's averaged perceptron: one linear chain for the task, the best path by Viterbi."""
    import pycrfsuite

    trainer = pycrfsuite.Trainer(algorithm="averaged-perceptron", verbose=False)
    trainer.set_params({"max_iterations": iterations})
    for s in train:
        trainer.append(features(s.words), s.labels[task])
    with tempfile.TemporaryDirectory() as folder:
        trainer.train(f"{folder}/chain")
        tagger = pycrfsuite.Tagger()
        tagger.open(f"{folder}/chain")
        pairs = [(a, b) for s in test for a, b in zip(tagger.tag(features(s.words)), s.labels[task])]
    return 100 * sum(a == b for a, b in pairs) / len(pairs)
