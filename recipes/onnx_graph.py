"""Builds an ONNX graph node by node, so that every equation of the model is one visible line."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64, INT32, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32, TensorProto.STRING
SMALL = 1000  # arrays with fewer values stay float32 where large ones are stored as float16


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

    def stored(self, values, name):
        """A weight that is stored as float16 where it is large, and is float32 again when it is used. It must be rounded already."""
        array = np.ascontiguousarray(values, np.float32)
        half = array.astype(np.float16)
        if array.size < SMALL:
            return self.weight(array, name)
        if not (half.astype(np.float32) == array).all():
            raise ValueError(f"{name} is not rounded to float16")
        return self.op("Cast", self.weight(half, name), to=FLOAT)

    def add(self, nodes, weights):
        """A part that was made elsewhere."""
        self.nodes += nodes
        self.weights |= {("part", w.name): w for w in weights}

    def op(self, kind, *inputs, outputs=1, **attributes):
        names = [i if isinstance(i, str) else self.weight(i) for i in inputs]
        node = f"{kind}_{len(self.nodes)}"
        found = [node] if outputs == 1 else [f"{node}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, names, found, name=node, **attributes))
        return found[0] if outputs == 1 else found

    def split(self, value, sizes):
        """Along the last axis."""
        return self.op("Split", value, np.array(sizes, np.int64), outputs=len(sizes), axis=-1)

    def save(self, path, opset=17, domains=()):
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, list(self.weights.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), *domains], producer_name="polyhead recipe")
        model.ir_version = 9 if opset > 19 else 8
        onnx.checker.check_model(model, full_check=not domains)
        onnx.save(model, path)


def lstm_weights(lstm, layer=0):
    """W [ways, 4h, in], R [ways, 4h, h], B [ways, 8h] of a torch LSTM layer, one way or both, in ONNX's gate order: torch has
    i, f, g, o and ONNX i, o, f, c, where torch's g is ONNX's c."""
    def reorder(name):
        ways = []
        for way in ("", "_reverse")[:2 if lstm.bidirectional else 1]:
            i, f, g, o = getattr(lstm, f"{name}_l{layer}{way}").detach().numpy().reshape(4, lstm.hidden_size, -1)
            ways.append(np.concatenate([i, o, f, g]))
        return np.stack(ways)

    biases = [reorder(name)[..., 0] for name in ("bias_ih", "bias_hh")]
    return reorder("weight_ih"), reorder("weight_hh"), np.concatenate(biases, 1)
