"""Writes the whole graph with onnx.helper, opset 20: words in, probabilities out. Written by hand, not by an exporter,
since the strings have no PyTorch counterpart and the network is an LSTM or two and five matrix products."""
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from data import WORD_TASKS
from word_graph import OPSETS, numbers, string_part

SMALL = 1000  # arrays with fewer values stay float32


def stored_weights(model):
    """Rounds the large weights of the model to what the file will hold (float16). They are float32 again when used."""
    with torch.no_grad():
        for p in model.parameters():
            if p.numel() >= SMALL:
                p.copy_(p.half().float())


def onnx_gates(w):
    """PyTorch's gate order i, f, g, o to ONNX's i, o, f, c."""
    i, f, g, o = w.chunk(4)
    return torch.cat([i, o, f, g])


def export(model, vocabulary, path):
    node, weights, casts = helper.make_node, [], []

    def weight(name, tensor):
        """Adds a weight, as float16 and a Cast where it is large; returns its name."""
        array = tensor.detach().contiguous().numpy()
        if array.size < SMALL:
            weights.append(numpy_helper.from_array(array, name))
        else:
            half = array.astype("float16")
            assert (half.astype("float32") == array).all(), f"{name} is not rounded"
            weights.append(numpy_helper.from_array(half, f"{name}_half"))
            casts.append(node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
        return name

    nodes, more = string_part(vocabulary)
    weights += more
    for name, table in zip(vocabulary.tables, model.tables):
        nodes.append(node("Gather", [weight(f"table_{name}", table.weight), f"rows_{name}"], [f"x_{name}"]))
    weights += [
        numbers("two", [2]),
        helper.make_tensor("scalar_zero", TensorProto.INT64, [], [0]), helper.make_tensor("scalar_one", TensorProto.INT64, [], [1]),
        helper.make_tensor("minus_two", TensorProto.FLOAT, [1], [-2.0]),  # below every h, which lies within -1 and 1
    ]
    nodes += [
        node("Concat", [*(f"x_{t}" for t in vocabulary.tables), "flags"], ["x"], axis=-1),
        node("Transpose", ["x"], ["x_by_time"], perm=[1, 0, 2]),
        node("Cast", ["lengths"], ["lengths_32"], to=TensorProto.INT32),
    ]
    recurrences = {"trunk": model.trunk} | ({"branch": model.branch} if model.branch else {})
    for name, lstm in recurrences.items():
        stack = {k: torch.stack([onnx_gates(getattr(lstm, f"{k}_l0{way}")) for way in ("", "_reverse")]) for k in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
        w, r = weight(f"{name}_w", stack["weight_ih"]), weight(f"{name}_r", stack["weight_hh"])
        weights += [
            numpy_helper.from_array(torch.cat([stack["bias_ih"], stack["bias_hh"]], 1).detach().numpy(), f"{name}_b"),
            numbers(f"{name}_joined", [0, 0, 2 * lstm.hidden_size]),
        ]
        nodes += [
            node("LSTM", ["x_by_time", w, r, f"{name}_b", "lengths_32"], [f"{name}_y"], direction="bidirectional", hidden_size=lstm.hidden_size),
            node("Transpose", [f"{name}_y"], [f"{name}_by_batch"], perm=[2, 0, 1, 3]),
            node("Reshape", [f"{name}_by_batch", f"{name}_joined"], [f"{name}_h"]),
        ]
    nodes.append(node("Concat", ["trunk_h", "x"], ["z"], axis=-1))
    outputs = []
    for task, head in model.heads.items():
        shape = ["batch", "time", head.out_features] if task in WORD_TASKS else ["batch", head.out_features]
        outputs.append(helper.make_tensor_value_info(task, TensorProto.FLOAT, shape))
        if task not in WORD_TASKS:
            nodes += [  # the largest h over the words of the sentence, not over its padding; of the branch, if there is one
                node("Gather", ["shape", "one"], ["steps_1"]),
                node("Squeeze", ["steps_1"], ["steps"]),
                node("Range", ["scalar_zero", "steps", "scalar_one"], ["places"]),
                node("Unsqueeze", ["lengths", "one"], ["lengths_column"]),
                node("Less", ["places", "lengths_column"], ["inside"]),
                node("Unsqueeze", ["inside", "two"], ["inside_column"]),
                node("Where", ["inside_column", "branch_h" if model.branch else "trunk_h", "minus_two"], ["h_inside"]),
                node("ReduceMax", ["h_inside", "one"], ["highest"], keepdims=0),
            ]
        nodes += [
            node("MatMul", ["z" if task in WORD_TASKS else "highest", weight(f"{task}_w", head.weight.T)], [f"{task}_product"]),
            node("Add", [f"{task}_product", weight(f"{task}_b", head.bias)], [f"{task}_logits"]),
            node("Softmax", [f"{task}_logits"], [task], axis=-1),
        ]
    nodes = casts + nodes
    for number, n in enumerate(nodes):
        n.name = f"{n.op_type}_{number}"
    inputs = [helper.make_tensor_value_info("tokens", TensorProto.STRING, ["batch", "time"]),
              helper.make_tensor_value_info("lengths", TensorProto.INT64, ["batch"])]
    graph = helper.make_graph(nodes, "tagger", inputs, outputs, weights)
    proto = helper.make_model(graph, opset_imports=OPSETS, ir_version=9, producer_name="polyhead-tagger")
    onnx.checker.check_model(proto)
    onnx.save(proto, path)
