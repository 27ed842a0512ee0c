"""Checks of the exported graph in onnxruntime: its strings against Python, its numbers against PyTorch, each sentence
alone against ragged padded batches, and words that no treebank has."""
import json

import numpy as np

from data import WORD_TASKS
from golden import answer
from word_check import ABSURD, check_words, sendable, session


def feeds(sentences):
    """Sentences of any lengths, padded."""
    lengths = np.array([len(s) for s in sentences], np.int64)
    return {"tokens": np.array([[sendable(w) for w in s] + [""] * (lengths.max() - len(s)) for s in sentences], object), "lengths": lengths}


def run(graph, sentences):
    """One run over sentences of any lengths: {output: array}."""
    names = [o.name for o in graph.get_outputs()]
    return dict(zip(names, graph.run(names, feeds(sentences))))


def row(outputs, place, length):
    return {t: v[place, :length] if t in WORD_TASKS else v[place] for t, v in outputs.items()}


def check(path, model, vocabulary, sentences, rounds=40):
    """The worst absolute difference to PyTorch over `sentences` (lists of words). Raises if an answer depends on the
    batch, or if an absurd word makes a run fail or answers something that is not a probability."""
    rng, worst = np.random.default_rng(0), 0.0
    check_words(vocabulary, sorted({w for s in sentences for w in s}))
    for threads in (1, 2):
        graph = session(str(path), threads)
        alone = [row(run(graph, [s]), 0, len(s)) for s in sentences]
        for s, mine in zip(sentences[:150], alone):
            theirs = answer(model, vocabulary, s)
            worst = max(worst, *(float(np.abs(mine[t] - theirs[t]).max()) for t in mine))
        for _ in range(rounds):
            pick = rng.integers(0, len(sentences), rng.choice([2, 3, 7, 16, 33, 64]))
            together = run(graph, [sentences[i] for i in pick])
            for place, i in enumerate(pick):
                for t, v in row(together, place, len(sentences[i])).items():
                    assert np.array_equal(v, alone[i][t]), f"{t} of a sentence of {len(sentences[i])} words depends on its batch"
        for odd in [[w] for w in ABSURD] + [[w] * 9 for w in ABSURD] + [["", ""], [*ABSURD, "word"]]:
            for batch in ([odd], [odd, ["word"], [""] * 3]):
                for t, v in run(graph, batch).items():
                    assert np.isfinite(v).all() and np.allclose(v.sum(-1), 1, atol=1e-5), f"{t}: no probability for {odd[0][:9]!r}"
    return worst


def check_golden(path, golden):
    """The worst absolute difference of the graph to the golden file as written."""
    graph, worst = session(str(path)), 0.0
    for case in json.loads(golden.read_text())["cases"]:
        found = row(run(graph, [case["sequence"]]), 0, len(case["sequence"]))
        worst = max(worst, *(float(np.abs(found[t].ravel() - np.float32(v)).max()) for t, v in case["outputs"].items()))
    return worst


def graph_accuracy(path, sentences, labels):
    """Per cent right of the served graph itself on labelled sentences, by task."""
    graph, right, count = session(str(path)), dict.fromkeys(labels, 0), dict.fromkeys(labels, 0)
    order = sorted(sentences, key=lambda s: len(s.words))
    for first in range(0, len(order), 32):
        part = order[first:first + 32]
        found = run(graph, [s.words for s in part])
        for place, s in enumerate(part):
            for t, v in row(found, place, len(s.words)).items():
                wanted = s.labels[t] if t in WORD_TASKS else [s.labels[t]]
                chosen = np.atleast_2d(v).argmax(-1)
                right[t] += sum(labels[t][c] == w for c, w in zip(chosen, wanted))
                count[t] += len(wanted)
    return {t: 100 * right[t] / count[t] for t in labels}


def by_genre(path, sentences, labels):
    """The same for each kind of text, with its size."""
    parts = {genre: [s for s in sentences if s.labels["genre"] == genre] for genre in labels["genre"]}
    return {genre: {"sentences": len(part), "words": sum(len(s.words) for s in part), **graph_accuracy(path, part, labels)} for genre, part in parts.items()}
