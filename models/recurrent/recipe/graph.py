"""The served graph, opset 17: the equations of model.py as ONNX nodes."""
import numpy as np

from model import FEATURES, HEADS, HIDDEN
from onnx_graph import FLOAT, INT64, Graph


def weights(model):
    """The weights of the equations by name; B holds the input biases, then the recurrent ones: b_h is their sum."""
    rnn = {k: getattr(model.rnn, f"{k}_l0").detach().numpy()[None] for k in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    return {
        "W": rnn["weight_ih"], "R": rnn["weight_hh"], "B": np.concatenate([rnn["bias_ih"], rnn["bias_hh"]], 1),
        "W_ho": model.from_hidden.weight.detach().numpy(), "W_xo": model.from_input.weight.detach().numpy(),
        "b_o": model.from_input.bias.detach().numpy(),
    }


def write(model, path):
    g = Graph("recurrent")
    x = g.input("x", FLOAT, ["batch", "time", len(FEATURES)])
    lengths = g.input("lengths", INT64, ["batch"])
    h0 = g.input("h0", FLOAT, [1, "batch", HIDDEN])
    named = weights(model)

    rain, numbers, day, city = g.split(x, [1, 3, 1, 1])
    numbers = g.op("Concat", g.op("Sqrt", g.op("Relu", rain)), numbers, axis=-1)
    numbers = g.op("Mul", g.op("Sub", numbers, model.mean.numpy()), model.scale.numpy())
    # Clamped, so that no value whatever can make the lookup fail for the whole batch.
    last = np.array([2], np.int64)
    row = g.op("Cast", g.op("Squeeze", g.op("Clip", day, np.float32(0), np.float32(366)), last), to=INT64)
    f = g.op("Concat", numbers, g.op("Gather", g.weight(model.season.numpy(), "season"), row, axis=0), city, axis=-1)

    y, hn = g.op("RNN", g.op("Transpose", f, perm=[1, 0, 2]), *(g.weight(named[k], k) for k in "WRB"),
                 g.op("Cast", lengths, to=6), h0, outputs=2, hidden_size=HIDDEN, activations=["Tanh"])
    h = g.op("Transpose", g.op("Squeeze", y, np.array([1], np.int64)), perm=[1, 0, 2])
    o = g.op("Add", g.op("MatMul", h, g.weight(named["W_ho"].T, "W_ho")), g.op("MatMul", f, g.weight(named["W_xo"].T, "W_xo")))
    v, a, b = g.split(g.op("Add", o, g.weight(named["b_o"], "b_o")), [len(HEADS)] * 3)

    sd = (model.target_sd * model.widen).numpy()
    value = g.op("Add", g.op("Mul", v, model.target_sd.numpy()), model.target_mean.numpy())
    low = g.op("Sub", value, g.op("Mul", g.op("Exp", a), sd))
    high = g.op("Add", value, g.op("Mul", g.op("Exp", b), sd))
    columns = [g.split(v, [1] * len(HEADS)) for v in (value, low, high)]
    for i, head in enumerate(HEADS):
        for column, suffix in zip(columns, ("", "_lower", "_upper")):
            g.output(g.op("Squeeze", column[i], last), head + suffix, ["batch", "time"])
    g.output(hn, "hn", [1, "batch", HIDDEN])
    g.save(path)
