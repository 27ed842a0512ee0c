"""The served graph, opset 17: the equations of model.py as ONNX nodes. Each city has its own time axis and lengths."""
import numpy as np

from model import FEATURES, HIDDEN, INPUTS
from onnx_graph import FLOAT, INT64, Graph, lstm_weights


def weights(model):
    """All weights by name, in ONNX's gate order i, o, f, c."""
    named = {}
    for k in INPUTS:
        city = getattr(model, k)
        named |= {f"{k}_{n}": v for n, v in zip("WRB", lstm_weights(city.lstm))}
        named |= {f"{k}_out_weight": city.out.weight.detach().numpy(), f"{k}_out_bias": city.out.bias.detach().numpy()}
    return named


def task(g, city, name, named):
    """One city from its raw days to the numbers of its output layer, [batch, width]."""
    x = g.input(name, FLOAT, ["batch", f"{name}_time", len(FEATURES)])
    lengths = g.input(f"{name}_lengths", INT64, ["batch"])
    rain, numbers, day = g.split(x, [1, 3, 1])
    numbers = g.op("Concat", g.op("Sqrt", g.op("Relu", rain)), numbers, axis=-1)
    numbers = g.op("Mul", g.op("Sub", numbers, city.mean.numpy()), city.scale.numpy())
    # Clamped, so that no value whatever can make the lookup fail for the whole batch.
    day = g.op("Squeeze", g.op("Clip", day, np.float32(0), np.float32(366)), np.array([2], np.int64))
    season = g.op("Gather", g.weight(city.season.numpy(), "season"), g.op("Cast", day, to=INT64), axis=0)
    f = g.op("Transpose", g.op("Concat", numbers, season, axis=-1), perm=[1, 0, 2])
    parts = [g.weight(named[f"{name}_{n}"], f"{name}_{n}") for n in "WRB"]
    _, last = g.op("LSTM", f, *parts, g.op("Cast", lengths, to=6), outputs=2, hidden_size=HIDDEN)
    h = g.op("Squeeze", last, np.array([0], np.int64))
    out = [g.weight(named[f"{name}_out_{n}"], f"{name}_out_{n}") for n in ("weight", "bias")]
    return g.op("Gemm", h, *out, transB=1)


def write(model, path):
    g = Graph("two_cities")
    named = weights(model)
    logit = task(g, model.seattle, "seattle", named)
    v, a, b = g.split(task(g, model.new_york, "new_york", named), [1, 1, 1])

    sd = (model.target_sd * model.widen).numpy()
    value = g.op("Add", g.op("Mul", v, model.target_sd.numpy()), model.target_mean.numpy())
    g.output(g.op("Sigmoid", logit), "seattle_rain", ["batch", 1])
    g.output(value, "new_york_temp_max", ["batch", 1])
    g.output(g.op("Sub", value, g.op("Mul", g.op("Exp", a), sd)), "new_york_temp_max_lower", ["batch", 1])
    g.output(g.op("Add", value, g.op("Mul", g.op("Exp", b), sd)), "new_york_temp_max_upper", ["batch", 1])
    g.save(path)
