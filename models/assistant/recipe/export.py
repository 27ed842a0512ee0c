"""The whole graph, opset 20: words in; the intents' probabilities and a score for each word and label out. The best path through
the labels is the server's work, with the transitions of the manifest."""
import numpy as np
import torch

from onnx_graph import INT32, INT64, SMALL, STRING, Graph, lstm_weights
from word_graph import OPSETS, string_part


def round_weights(model):
    """Rounds the large weights to what the file will hold (float16), and the transitions to four decimals."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.startswith("chain."):
                p.copy_((p * 1e4).round() / 1e4)
            elif p.numel() >= SMALL:
                p.copy_(p.half().float())

def ints(*values):
    return np.array(values, np.int64)

def both_ways(graph, x_by_time, lengths, lstm, name):
    """h [batch, time, 2 hidden] and the last state of both ways [batch, 2 hidden]."""
    w, r, b = lstm_weights(lstm)
    y, last, _ = graph.op("LSTM", x_by_time, graph.stored(w, f"{name}_w"), graph.stored(r, f"{name}_r"), graph.weight(b, f"{name}_b"), lengths,
                          outputs=3, direction="bidirectional", hidden_size=lstm.hidden_size)
    h = graph.op("Reshape", graph.op("Transpose", y, perm=[2, 0, 1, 3]), ints(0, 0, 2 * lstm.hidden_size))
    return h, graph.op("Reshape", graph.op("Transpose", last, perm=[1, 0, 2]), ints(0, 2 * lstm.hidden_size))

def linear(graph, x, layer, name):
    weight, bias = layer.weight.detach().numpy().T, layer.bias.detach().numpy()
    return graph.op("Add", graph.op("MatMul", x, graph.stored(weight, f"{name}_w")), graph.weight(bias, f"{name}_b"))

def export(model, vocabulary, path):
    g = Graph("assistant")
    g.input("tokens", STRING, ["batch", "time"])
    g.input("lengths", INT64, ["batch"])
    g.add(*string_part(vocabulary))
    looked_up = [g.op("Gather", g.stored(table.weight.detach().numpy(), f"table_{name}"), f"rows_{name}")
                 for name, table in zip(vocabulary.tables, model.tables)]
    x = g.op("Concat", *looked_up, "flags", axis=-1)
    lengths = g.op("Cast", "lengths", to=INT32)
    h, last = both_ways(g, g.op("Transpose", x, perm=[1, 0, 2]), lengths, model.trunk, "trunk")

    steps = g.op("Squeeze", g.op("Gather", "shape", ints(1)))
    places = g.op("Range", np.array(0, np.int64), steps, np.array(1, np.int64))
    inside = g.op("Unsqueeze", g.op("Less", places, g.op("Unsqueeze", "lengths", ints(1))), ints(2))
    below = np.array([-2.0], np.float32)  # below every h, which lies within -1 and 1: padding is never the largest
    largest = g.op("ReduceMax", g.op("Where", inside, h, below), ints(1), keepdims=0)
    intent = g.op("Softmax", linear(g, g.op("Concat", largest, last, axis=-1), model.intent, "intent"), axis=-1)

    every = g.op("Concat", ints(1), g.op("Gather", "shape", ints(1)), ints(1), axis=0)
    told = g.op("Expand", g.op("Unsqueeze", intent, ints(1)), every)
    z = g.op("Concat", h, x, told, axis=-1)
    second, _ = both_ways(g, g.op("Transpose", z, perm=[1, 0, 2]), lengths, model.second, "second")
    slots = linear(g, g.op("Concat", second, x, axis=-1), model.slots, "slots")
    g.output(intent, "intent", ["batch", model.intent.out_features])
    g.output(slots, "slots", ["batch", "time", model.slots.out_features])
    g.save(path, opset=20, domains=OPSETS[1:])
