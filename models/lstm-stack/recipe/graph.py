"""The served graph, opset 17: the equations of model.py as ONNX nodes. Batches are free, the ten days are fixed."""
import numpy as np

from model import DAYS, FEATURES
from onnx_graph import FLOAT, Graph, lstm_weights


def weights(model):
    """All weights by name, in ONNX's gate order i, o, f, c."""
    named = {}
    for number, lstm in (("1", model.lstm1), ("2", model.lstm2)):
        named |= {k + number: v for k, v in zip("WRB", lstm_weights(lstm))}
    return named | {"dense_weight": model.dense.weight.detach().numpy(), "dense_bias": model.dense.bias.detach().numpy()}


def write(model, path):
    g = Graph("lstm_stack")
    x = g.input("x", FLOAT, ["batch", DAYS, len(FEATURES)])
    named = {k: g.weight(v, k) for k, v in weights(model).items()}

    rain, numbers, flags = g.split(x, [1, 3, len(FEATURES) - 4])
    root = g.op("Sqrt", g.op("Relu", rain))
    numbers = g.op("Sub", g.op("Concat", root, numbers, axis=-1), g.weight(model.mean.numpy(), "mean"))
    f = g.op("Concat", g.op("Mul", numbers, g.weight(model.scale.numpy(), "scale")), flags, axis=-1)

    first = g.op("LSTM", g.op("Transpose", f, perm=[1, 0, 2]), named["W1"], named["R1"], named["B1"], hidden_size=64)
    every_step = g.op("Squeeze", first, np.array([1], np.int64))
    _, last = g.op("LSTM", every_step, named["W2"], named["R2"], named["B2"], outputs=2, hidden_size=32)
    h = g.op("Squeeze", last, np.array([0], np.int64))
    dense = g.op("Gemm", h, named["dense_weight"], named["dense_bias"], transB=1)
    g.output(g.op("Sigmoid", dense), "rain", ["batch", 1])
    g.save(path)
