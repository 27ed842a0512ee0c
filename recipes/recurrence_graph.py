"""minGRU and minLSTM layers as graph operators. Their steps h_t = a_t h_t-1 + b_t are computed in chunks: inside a chunk by
doubling, all chunks side by side; from chunk to chunk by a Scan. Nothing is divided and no logarithm is taken, so a long sequence neither
underflows nor turns to NaN. Behind a sequence's length a is 1 and b is 0: its state stays as it was at its own end."""
import numpy as np
from onnx import TensorProto, helper

CHUNK = 16


def ints(*values):
    return np.array(values, np.int64)


def valid_steps(graph, x, lengths):
    """[batch, time, 1], true for the steps of x [batch, time, ..] within each row's length [batch]."""
    steps = graph.op("Squeeze", graph.op("Gather", graph.op("Shape", x), ints(1)))
    places = graph.op("Range", np.array(0, np.int64), steps, np.array(1, np.int64))
    return graph.op("Unsqueeze", graph.op("Less", places, graph.op("Unsqueeze", lengths, ints(1))), ints(2))


def gates(graph, kind, x, weight, bias, hidden):
    """a and b [batch, time, hidden] of every step; weight [inputs, gates x hidden] as torch's Linear has it, transposed."""
    inner = graph.op("Add", graph.op("MatMul", x, weight), bias)
    if kind == "mingru":
        z, c = graph.split(inner, [hidden] * 2)
        z = graph.op("Sigmoid", z)
        return graph.op("Sub", np.ones(1, np.float32), z), graph.op("Mul", z, c)
    f, i, c = graph.split(inner, [hidden] * 3)
    f, i = graph.op("Sigmoid", f), graph.op("Sigmoid", i)
    both = graph.op("Add", graph.op("Add", f, i), np.full(1, 1e-6, np.float32))
    return graph.op("Div", f, both), graph.op("Mul", graph.op("Div", i, both), c)


def layer(graph, kind, x, weight, bias, valid, h0, hidden, chunks=True):
    """h of every step [batch, time, hidden] and of the last [batch, hidden]; h0 [batch, hidden]. Without chunks the Scan takes every step."""
    a, b = gates(graph, kind, x, weight, bias, hidden)
    a = graph.op("Where", valid, a, np.ones(1, np.float32))
    b = graph.op("Where", valid, b, np.zeros(1, np.float32))
    h = chunked(graph, a, b, h0, hidden) if chunks else graph.op("Add", graph.op("Mul", a, carry(graph, a, b, h0)), b)
    # Padding keeps the state, so the last step of the padded axis holds the state of every row's own end.
    return h, graph.op("Squeeze", graph.op("Slice", h, ints(-1), ints(2**62), ints(1)), ints(1))


def chunked(graph, a, b, h0, hidden):
    """All h_t = a_t h_t-1 + b_t."""
    time = graph.op("Gather", graph.op("Shape", a), ints(1))
    missing = graph.op("Mod", graph.op("Neg", time), ints(CHUNK))
    end = graph.op("Concat", ints(0, 0, 0, 0), missing, ints(0), axis=0)
    a, b = graph.op("Pad", a, end, np.array(1, np.float32)), graph.op("Pad", b, end, np.array(0, np.float32))
    a, b = (graph.op("Reshape", v, ints(0, -1, CHUNK, hidden)) for v in (a, b))
    reach = 1
    while reach < CHUNK:
        front = ints(0, 0, reach, 0, 0, 0, -reach, 0)
        earlier_b = graph.op("Pad", b, front, np.array(0, np.float32))
        earlier_a = graph.op("Pad", a, front, np.array(1, np.float32))
        a, b = graph.op("Mul", a, earlier_a), graph.op("Add", graph.op("Mul", a, earlier_b), b)
        reach *= 2
    last = [graph.op("Squeeze", graph.op("Slice", v, ints(-1), ints(2**62), ints(2)), ints(2)) for v in (a, b)]
    before = carry(graph, *last, h0)
    h = graph.op("Add", graph.op("Mul", a, graph.op("Unsqueeze", before, ints(2))), b)
    return graph.op("Slice", graph.op("Reshape", h, ints(0, -1, hidden)), ints(0), time, ints(1))


def carry(graph, a, b, h0):
    """h before each chunk [batch, chunks, hidden], from what every chunk does to the h before it: a h + b."""
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in ("h", "a", "b", "next", "given")]
    body = helper.make_graph([
        helper.make_node("Identity", ["h"], ["given"]),
        helper.make_node("Mul", ["a", "h"], ["kept"]),
        helper.make_node("Add", ["kept", "b"], ["next"]),
    ], "chunk_to_chunk", values[:3], values[3:])
    _, before = graph.op("Scan", h0, a, b, outputs=2, body=body, num_scan_inputs=2, scan_input_axes=[1, 1], scan_output_axes=[1])
    return before
