"""The served graph, opset 17: the equations of model.py as ONNX nodes."""
import numpy as np

from data import CLASSES, NUMBERS
from model import HIDDEN, STATES, N
from onnx_graph import FLOAT, INT64, Graph, lstm_weights


def lookup(g, table, value):
    """Rows of a table by number; clamped, so that no value whatever can make the lookup fail for the whole batch."""
    inside = g.op("Clip", value, np.float32(0), np.float32(len(table) - 1))
    return g.op("Gather", table.numpy(), g.op("Cast", inside, to=INT64), axis=0)


def features(g, model, x, p0):
    """The features [batch, time, 16], the current numbers [batch, time, 4], and the fix before the first one with all
    fixes after it [batch, time + 1, 5]."""
    axis = np.array([1], np.int64)
    now, status, day = g.split(x, [N, 1, 1])
    one = g.op("Add", g.op("Mul", status, np.float32(0)), np.float32(1))
    fixes = g.op("Concat", g.op("Transpose", p0, perm=[1, 0, 2]), g.op("Concat", now, one, axis=-1), axis=1)
    before, known = g.split(g.op("Slice", fixes, np.array([0]), np.array([-1]), axis), [N, 1])
    change = g.op("Mul", g.op("Mul", g.op("Sub", now, before), model.change_scale.numpy()), known)
    place = g.op("Mul", g.op("Sub", now, model.mean.numpy()), model.scale.numpy())
    last = np.array([2], np.int64)
    kind = lookup(g, model.statuses, g.op("Squeeze", status, last))
    season = lookup(g, model.season, g.op("Squeeze", day, last))
    return g.op("Concat", place, change, known, kind, season, axis=-1), now, fixes


def write(model, path):
    g = Graph("storms")
    x = g.input("x", FLOAT, ["batch", "time", N + 2])
    lengths = g.input("lengths", INT64, ["batch"])
    h0, c0, p0 = (g.input(f"{k}0", FLOAT, [1, "batch", size]) for k, size in STATES.items())
    f, now, fixes = features(g, model, x, p0)

    w, r, b = lstm_weights(model.trunk)
    short = g.op("Cast", lengths, to=6)
    y, hn, cn = g.op("LSTM", g.op("Transpose", f, perm=[1, 0, 2]), g.weight(w, "W"), g.weight(r, "R"), g.weight(b, "B"),
                     short, h0, c0, outputs=3, hidden_size=HIDDEN)
    y = g.op("Transpose", g.op("Squeeze", y, np.array([1], np.int64)), perm=[1, 0, 2])
    z = g.op("Concat", y, f, axis=-1)
    heads = model.heads.weight.detach().numpy().T, model.heads.bias.detach().numpy()
    out = g.op("Add", g.op("MatMul", z, g.weight(heads[0], "heads_weight")), g.weight(heads[1], "heads_bias"))
    status, rapid, v, a, b = g.split(out, [len(CLASSES), 1, N, N, N])

    value = g.op("Add", now, g.op("Add", g.op("Mul", v, model.day_sd.numpy()), model.day_mean.numpy()))
    sd = (model.day_sd * model.widen).numpy()
    low = g.op("Sub", value, g.op("Mul", g.op("Exp", a), sd))
    high = g.op("Add", value, g.op("Mul", g.op("Exp", b), sd))

    g.output(g.op("Softmax", status, axis=-1), "status", ["batch", "time", len(CLASSES)])
    last = np.array([2], np.int64)
    g.output(g.op("Squeeze", g.op("Sigmoid", rapid), last), "intensification", ["batch", "time"])
    columns = [g.split(g.op("Max", v, model.floor.numpy()), [1] * N) for v in (value, low, high)]
    for i, name in enumerate(NUMBERS):
        for column, suffix in zip(columns, ("", "_lower", "_upper")):
            g.output(g.op("Squeeze", column[i], last), name + suffix, ["batch", "time"])
    g.output(hn, "hn", [1, "batch", HIDDEN])
    g.output(cn, "cn", [1, "batch", HIDDEN])
    own_last = g.op("GatherND", fixes, g.op("Unsqueeze", lengths, np.array([1], np.int64)), batch_dims=1)
    g.output(g.op("Unsqueeze", own_last, np.array([0], np.int64)), "pn", [1, "batch", N + 1])
    g.save(path)
