"""The string part of a graph: from words to table rows and patterns, as operators. `Tokenizer` is onnxruntime's own.
The graph lower-cases with the locale 'C': any other fails to load on a machine that lacks it."""
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from words import PATTERNS, PIECES

OPSETS = [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 4), helper.make_opsetid("com.microsoft", 1)]


def numbers(name, values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


def string_part(vocabulary, tokens="tokens"):
    """Nodes and initializers that turn `tokens` [batch, time] into `rows_<table>` [batch, time] and `flags` [batch, time, 8]."""
    node = helper.make_node
    weights = [
        # Tokenizer answers nothing at all, and loses the row count, if every word it sees is empty: this word is put
        # in front of the list and taken off again after the look-up.
        helper.make_tensor("first_word", TensorProto.STRING, [1], [b"x"]),
        numbers("flat", [-1]), numbers("zero", [0]), numbers("one", [1]), numbers("end", [2**62]), numbers("last_axis", [-1]),
    ]
    nodes = [
        node("Shape", [tokens], ["shape"]),
        node("Reshape", [tokens, "flat"], ["words"]),
        node("Concat", ["first_word", "words"], ["list"], axis=0),
        node("StringNormalizer", ["list"], ["low"], case_change_action="LOWER", is_case_sensitive=1, locale="C"),
    ]
    for table, rows in zip(vocabulary.tables, vocabulary.rows):
        text, cut = "low", PIECES[table][1]
        if cut:
            nodes += [
                node("Tokenizer", ["low"], [f"{table}_pieces"], domain="com.microsoft", mark=0, mincharnum=1,
                     pad_value="", tokenexp=cut),
                node("Slice", [f"{table}_pieces", "zero", "one", "one"], [f"{table}_column"]),
                node("Reshape", [f"{table}_column", "flat"], [f"{table}_text"]),
            ]
            text = f"{table}_text"
        nodes += [
            node("LabelEncoder", [text], [f"{table}_list"], domain="ai.onnx.ml", keys_strings=list(rows),
                 values_int64s=list(rows.values()), default_int64=0),
            node("Slice", [f"{table}_list", "one", "end", "zero"], [f"{table}_rest"]),
            node("Reshape", [f"{table}_rest", "shape"], [f"rows_{table}"]),
        ]
    for i, pattern in enumerate(PATTERNS.values()):
        nodes += [
            node("RegexFullMatch", [tokens], [f"match_{i}"], pattern=pattern),
            node("Cast", [f"match_{i}"], [f"flag_{i}"], to=TensorProto.FLOAT),
            node("Unsqueeze", [f"flag_{i}", "last_axis"], [f"column_{i}"]),
        ]
    nodes.append(node("Concat", [f"column_{i}" for i in range(len(PATTERNS))], ["flags"], axis=-1))
    return nodes, weights
