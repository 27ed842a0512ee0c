"""Checks of the exported graph in onnxruntime: its strings against Python, its numbers against PyTorch, each sentence
alone against ragged padded batches, and words that no treebank has."""
import json

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

from data import WORD_TASKS
from features import TABLES, flags
from golden import answer
from strings import string_part

ABSURD = ["", "x" * 100_000, "\0", "a\0b", "\ud800", "\N{GRINNING FACE}", "\N{FAMILY}\u200d\N{BOY}", "\n", " ", "\u0130", "\N{LATIN SMALL LETTER E}\u0301" * 500,
          "www.example.org/a-b?c=1,000.5", "-" * 5000, "\u202e", "\ufeff", "../../etc/passwd", "%s%n{}", "\ufffd"]


def session(source, threads=1):
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def sendable(word):
    """A string as the server passes it on: lone surrogates become U+FFFD."""
    return word.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def run(graph, sentences):
    """One run over sentences of any lengths: {output: array}."""
    lengths = np.array([len(s) for s in sentences], np.int64)
    tokens = np.array([[sendable(w) for w in s] + [""] * (lengths.max() - len(s)) for s in sentences], object)
    names = [o.name for o in graph.get_outputs()]
    return dict(zip(names, graph.run(names, {"tokens": tokens, "lengths": lengths})))


def row(outputs, place, length):
    return {t: v[place, :length] if t in WORD_TASKS else v[place] for t, v in outputs.items()}


def check_strings(vocabulary, words):
    """Raises where the graph's table rows or patterns differ from Python's."""
    nodes, weights = string_part(vocabulary)
    outputs = [helper.make_tensor_value_info(f"rows_{t}", TensorProto.INT64, ["batch", "time"]) for t in TABLES]
    outputs.append(helper.make_tensor_value_info("flags", TensorProto.FLOAT, ["batch", "time", None]))
    inputs = [helper.make_tensor_value_info("tokens", TensorProto.STRING, ["batch", "time"])]
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 4), helper.make_opsetid("com.microsoft", 1)]
    proto = helper.make_model(helper.make_graph(nodes, "strings", inputs, outputs, weights), opset_imports=opsets, ir_version=9)
    onnx.checker.check_model(proto)
    graph = session(proto.SerializeToString())
    *rows, marks = graph.run(None, {"tokens": np.array([words], object)})
    for place, word in enumerate(words):
        assert [int(r[0, place]) for r in rows] == vocabulary.ids(word), f"table rows of {word!r} differ"
        assert list(marks[0, place]) == flags(word), f"patterns of {word!r} differ"


def check(path, model, vocabulary, sentences, rounds=40):
    """The worst absolute difference to PyTorch over `sentences` (lists of words). Raises if an answer depends on the
    batch, or if an absurd word makes a run fail or answers something that is not a probability."""
    rng, worst = np.random.default_rng(0), 0.0
    check_strings(vocabulary, sorted({w for s in sentences for w in s}))
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
