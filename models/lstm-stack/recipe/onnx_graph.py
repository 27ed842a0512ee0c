"""Builds an ONNX graph node by node, so that every equation of the model is one visible line."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


class Graph:
    """`op` adds a node and returns the name of its output, or the names if it has several; arrays become weights."""

    def __init__(self, name):
        self.name, self.nodes, self.inputs, self.outputs, self.weights = name, [], [], [], {}

    def input(self, name, kind, dims):
        self.inputs.append(helper.make_tensor_value_info(name, kind, dims))
        return name

    def output(self, value, name, dims):
        self.nodes.append(helper.make_node("Identity", [value], [name], name=f"to_{name}"))
        self.outputs.append(helper.make_tensor_value_info(name, FLOAT, dims))

    def weight(self, values, name=None):
        array = np.ascontiguousarray(values)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        known = (array.dtype.str, array.shape, array.tobytes())
        if known not in self.weights:
            self.weights[known] = numpy_helper.from_array(array, name or f"constant_{len(self.weights)}")
        return self.weights[known].name

    def op(self, kind, *inputs, outputs=1, **attributes):
        names = [i if isinstance(i, str) else self.weight(i) for i in inputs]
        node = f"{kind}_{len(self.nodes)}"
        found = [node] if outputs == 1 else [f"{node}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, names, found, name=node, **attributes))
        return found[0] if outputs == 1 else found

    def split(self, value, sizes):
        """Along the last axis."""
        return self.op("Split", value, np.array(sizes, np.int64), outputs=len(sizes), axis=-1)

    def save(self, path, opset=17):
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, list(self.weights.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], producer_name="polyhead recipe")
        model.ir_version = 8
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, path)


def lstm_weights(lstm, layer=0):
    """W [1, 4h, in], R [1, 4h, h], B [1, 8h] of a torch LSTM layer in ONNX's gate order: torch has i, f, g, o and ONNX
    i, o, f, c, where torch's g is ONNX's c."""
    def reorder(name):
        i, f, g, o = getattr(lstm, f"{name}_l{layer}").detach().numpy().reshape(4, lstm.hidden_size, -1)
        return np.concatenate([i, o, f, g])[None]

    biases = [reorder(name)[..., 0] for name in ("bias_ih", "bias_hh")]
    return reorder("weight_ih"), reorder("weight_hh"), np.concatenate(biases, 1)
