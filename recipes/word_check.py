"""Checks of graphs whose input is words: the string part against Python, and words that no corpus has."""
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

from word_graph import OPSETS, string_part
from words import flags

ABSURD = ["", "x" * 100_000, "\0", "a\0b", "\ud800", "\N{GRINNING FACE}", "\N{FAMILY}\u200d\N{BOY}", "\n", " ", "\u0130", "\N{LATIN SMALL LETTER E}\u0301" * 500,
          "www.example.org/a-b?c=1,000.5", "-" * 5000, "\u202e", "\ufeff", "../../etc/passwd", "%s%n{}", "\ufffd"]


def session(source, threads=1):
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def sendable(word):
    """A string as the server passes it on: lone surrogates become U+FFFD."""
    return word.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def strings_alone(vocabulary):
    """A graph of the string part and nothing else: words in, table rows and patterns out."""
    nodes, weights = string_part(vocabulary)
    outputs = [helper.make_tensor_value_info(f"rows_{t}", TensorProto.INT64, ["batch", "time"]) for t in vocabulary.tables]
    outputs.append(helper.make_tensor_value_info("flags", TensorProto.FLOAT, ["batch", "time", None]))
    inputs = [helper.make_tensor_value_info("tokens", TensorProto.STRING, ["batch", "time"])]
    proto = helper.make_model(helper.make_graph(nodes, "strings", inputs, outputs, weights), opset_imports=OPSETS, ir_version=9)
    onnx.checker.check_model(proto)
    return proto.SerializeToString()


def check_words(vocabulary, words):
    """Raises where the graph's table rows or patterns of `words` differ from Python's."""
    graph = session(strings_alone(vocabulary))
    *rows, marks = graph.run(None, {"tokens": np.array([words], object)})
    for place, word in enumerate(words):
        assert [int(r[0, place]) for r in rows] == vocabulary.ids(word), f"table rows of {word!r} differ"
        assert list(marks[0, place]) == flags(word), f"patterns of {word!r} differ"
