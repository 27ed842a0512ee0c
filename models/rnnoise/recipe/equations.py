"""RNNoise in float64, from the equations of its paper and the layout of its weights; no part of it comes from the graph.

J.-M. Valin, "A Hybrid DSP/Deep Learning Approach to Real-Time Full-Band Speech Enhancement", 2018. A GRU step is
  z = sigmoid(Wz x + Uz h + bz), r = sigmoid(Wr x + Ur h + br), c = relu(Wc x + Uc (r * h) + bc), h' = z * h + (1 - z) * c
(K. Cho et al., 2014; the candidate with relu). All weights are 8-bit whole numbers over 256.
"""
from pathlib import Path

import numpy as np

FEATURES, BANDS = 42, 22
TANH, SIGMOID, RELU = 0, 1, 2


def read_weights(path: Path) -> dict:
    """The six layers by name: inputs W [in, k*n], recurrent U [n, k*n], bias [k*n]; k is 3 (z, r, c) in a GRU, 1 in a dense layer."""
    data = np.frombuffer(path.read_bytes(), np.int8)
    at = 0

    def take(*shape):
        nonlocal at
        size = int(np.prod(shape))
        part = data[at:at + size].reshape(shape).astype(np.float64) / 256
        at += size
        return part

    def layer(gru: bool):
        nonlocal at
        inputs, neurons, activation = (int(value) for value in data[at:at + 3])
        at += 3
        gates = 3 if gru else 1
        found = {"W": take(inputs, gates * neurons), "activation": activation, "neurons": neurons}
        if gru:
            found["U"] = take(neurons, 3 * neurons)
        found["b"] = take(gates * neurons)
        return found

    names = [("dense", False), ("vad", True), ("noise", True), ("denoise", True), ("gains", False), ("voice", False)]
    layers = {name: layer(gru) for name, gru in names}
    assert at == len(data), "the file holds more than six layers"
    assert [layers[n]["activation"] for n in ("vad", "noise", "denoise")] == [RELU] * 3
    assert [layers[n]["activation"] for n in ("dense", "gains", "voice")] == [TANH, SIGMOID, SIGMOID]
    return layers


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru(layer, x, h):
    n = layer["neurons"]
    W, U, b = layer["W"], layer["U"], layer["b"]
    z = sigmoid(x @ W[:, :n] + h @ U[:, :n] + b[:n])
    r = sigmoid(x @ W[:, n:2 * n] + h @ U[:, n:2 * n] + b[n:2 * n])
    c = np.maximum(0, x @ W[:, 2 * n:] + (r * h) @ U[:, 2 * n:] + b[2 * n:])
    return z * h + (1 - z) * c


def run(layers, frames):
    """frames [time, 42] -> voice [time], gains [time, 22]; the state begins at zero."""
    vad, noise, denoise = (np.zeros(layers[name]["neurons"]) for name in ("vad", "noise", "denoise"))
    voices, gains = [], []
    for x in np.asarray(frames, np.float64):
        dense = np.tanh(x @ layers["dense"]["W"] + layers["dense"]["b"])
        vad = gru(layers["vad"], dense, vad)
        noise = gru(layers["noise"], np.concatenate([dense, vad, x]), noise)
        denoise = gru(layers["denoise"], np.concatenate([vad, noise, x]), denoise)
        voices.append(sigmoid(vad @ layers["voice"]["W"] + layers["voice"]["b"])[0])
        gains.append(sigmoid(denoise @ layers["gains"]["W"] + layers["gains"]["b"]))
    return np.array(voices), np.array(gains)
