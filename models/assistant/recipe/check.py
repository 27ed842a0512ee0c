"""Checks of the exported graph in onnxruntime: its strings against Python, its numbers against PyTorch, each utterance alone
against ragged padded batches, and words that no request has."""
import json

import numpy as np
import torch

from golden import answer
from word_check import ABSURD, check_words, sendable, session

TASKS = ("intent", "slots")


def run(graph, utterances):
    """One run over lists of words of any lengths: {output: array}."""
    lengths = np.array([len(s) for s in utterances], np.int64)
    tokens = np.array([[sendable(w) for w in s] + [""] * (lengths.max() - len(s)) for s in utterances], object)
    return dict(zip(TASKS, graph.run(TASKS, {"tokens": tokens, "lengths": lengths})))


def row(outputs, place, length):
    return {"intent": outputs["intent"][place], "slots": outputs["slots"][place, :length]}


def check(path, model, vocabulary, utterances, rounds=40):
    """The worst difference to PyTorch over `utterances` (lists of words), absolute or relative to values beyond 1. Raises if an
    answer depends on the batch, or if an absurd word makes a run fail or answers something that is not finite."""
    rng, worst = np.random.default_rng(0), 0.0
    check_words(vocabulary, sorted({w for s in utterances for w in s}))
    for threads in (1, 2):
        graph = session(str(path), threads)
        alone = [row(run(graph, [s]), 0, len(s)) for s in utterances]
        for s, mine in zip(utterances[:150], alone):
            theirs = answer(model, vocabulary, s)
            worst = max(worst, *(float((np.abs(mine[t] - theirs[t]) / np.maximum(1, np.abs(theirs[t]))).max()) for t in TASKS))
        for _ in range(rounds):
            pick = rng.integers(0, len(utterances), rng.choice([2, 3, 7, 16, 33, 64]))
            together = run(graph, [utterances[i] for i in pick])
            for place, i in enumerate(pick):
                for t, v in row(together, place, len(utterances[i])).items():
                    assert np.array_equal(v, alone[i][t]), f"{t} of an utterance of {len(utterances[i])} words depends on its batch"
        for odd in [[w] for w in ABSURD] + [[w] * 9 for w in ABSURD] + [["", ""], [*ABSURD, "word"]]:
            for batch in ([odd], [odd, ["word"], [""] * 3]):
                found = run(graph, batch)
                assert all(np.isfinite(row(found, n, len(s))[t]).all() for n, s in enumerate(batch) for t in TASKS), f"{odd[0][:9]!r}"
    return worst


def check_golden(path, golden):
    """The worst difference of the graph to the golden file as written."""
    graph, worst = session(str(path)), 0.0
    for case in json.loads(golden.read_text())["cases"]:
        found = row(run(graph, [case["sequence"]]), 0, len(case["sequence"]))
        for t, v in case["outputs"].items():
            worst = max(worst, float((np.abs(found[t].ravel() - np.float32(v)) / np.maximum(1, np.abs(v))).max()))
    return worst


def graph_answers(path, model, utterances, intents, tags):
    """What the served graph itself says, its paths decoded here: ({number: intent}, {number: labels})."""
    graph, said, paths = session(str(path)), {}, {}
    for n, u in enumerate(utterances):
        found = run(graph, [u.words])
        said[n] = intents[int(found["intent"][0].argmax())]
        paths[n] = [tags[i] for i in model.chain.best(torch.from_numpy(found["slots"]))[0].tolist()]
    return said, paths
