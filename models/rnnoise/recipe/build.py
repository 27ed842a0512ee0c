"""Writes the version directory: the graph from weights.rnn, manifest, golden answers by float64 equations, example, card figures.
Usage: python build.py [--out DIR]"""
import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from equations import BANDS, FEATURES, read_weights, run

HERE = Path(__file__).parent
STATE = ["vad", "noise", "denoise"]
TOLERANCE = 1e-5


def graph(layers):
    """The network as ONNX: x [batch, time, 42] and lengths [batch]; operators of opset 17, time first inside."""
    nodes, constants = [], []

    def constant(name, value, dtype=np.float32):
        constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(kind, inputs, outputs, **attributes):
        nodes.append(helper.make_node(kind, inputs, outputs, name=outputs[0] or outputs[-1], **attributes))
        return outputs[0]

    def dense(name, x, activation):
        layer = layers[name]
        product = node("MatMul", [x, constant(f"{name}.W", layer["W"])], [f"{name}.product"])
        total = node("Add", [product, constant(f"{name}.b", layer["b"])], [f"{name}.sum"])
        return node(activation, [total], [f"{name}.out"])

    def gru(name, x):
        layer = layers[name]
        bias = np.concatenate([layer["b"], np.zeros_like(layer["b"])])
        inputs = [x, constant(f"{name}.W", layer["W"].T[None]), constant(f"{name}.R", layer["U"].T[None]),
                  constant(f"{name}.B", bias[None]), "steps", f"h_{name}"]
        node("GRU", inputs, [f"{name}.Y", f"h_{name}_next"], hidden_size=layer["neurons"], activations=["Sigmoid", "Relu"],
             linear_before_reset=0)
        return node("Squeeze", [f"{name}.Y", "one"], [f"{name}.steps"])

    constant("one", [1], np.int64)
    constant("two", [2], np.int64)
    node("Cast", ["lengths"], ["steps"], to=TensorProto.INT32)
    x = node("Transpose", ["x"], ["time_first"], perm=[1, 0, 2])
    first = dense("dense", x, "Tanh")
    vad = gru("vad", first)
    noise = gru("noise", node("Concat", [first, vad, x], ["noise.in"], axis=2))
    denoise = gru("denoise", node("Concat", [vad, noise, x], ["denoise.in"], axis=2))
    node("Squeeze", [node("Transpose", [dense("voice", vad, "Sigmoid")], ["voice.rows"], perm=[1, 0, 2]), "two"], ["voice"])
    node("Transpose", [dense("gains", denoise, "Sigmoid")], ["gains"], perm=[1, 0, 2])

    def value(name, dims, dtype=TensorProto.FLOAT):
        return helper.make_tensor_value_info(name, dtype, dims)

    states = {name: [1, "batch", layers[name]["neurons"]] for name in STATE}
    made = helper.make_graph(
        nodes, "rnnoise",
        [value("x", ["batch", "time", FEATURES]), value("lengths", ["batch"], TensorProto.INT64),
         *(value(f"h_{name}", dims) for name, dims in states.items())],
        [value("voice", ["batch", "time"]), value("gains", ["batch", "time", BANDS]),
         *(value(f"h_{name}_next", dims) for name, dims in states.items())],
        constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], producer_name="polyhead-recipe", ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def features():
    bands = [{"name": f"cepstrum_{i}"} for i in range(BANDS)]
    bands[0]["description"] = "Discrete cosine transform of the log energies of 22 Bark-like bands; the first six summed over three frames"
    deltas = [{"name": f"{kind}_{i}"} for kind in ("delta", "delta2", "pitch") for i in range(6)]
    deltas[0]["description"] = "How the first six changed over two frames"
    deltas[6]["description"] = "How that changed"
    deltas[12]["description"] = "Transform of each band's correlation with the sound one pitch period before"
    rest = [{"name": "period", "description": "(Pitch period in samples - 300) / 100"},
            {"name": "variability", "description": "How much the spectrum varied over eight frames, less 2.1"}]
    return [*bands, *deltas, *rest]


def manifest(sha256):
    return {
        "$schema": "../../manifest.schema.json", "formatVersion": 1,
        "description": "RNNoise: is there a voice in each frame of 10 ms, and how much of each of 22 bands is to be kept.",
        "graph": {"file": "model.onnx", "sha256": sha256},
        "inputs": [{"name": "frames", "tensor": "x", "kind": "numeric", "lengths": "lengths",
                    "time": {"minimum": 1, "maximum": 3000}, "features": features()}],
        "heads": [
            {"name": "voice", "tensor": "voice", "kind": "binary", "per": "step", "labels": ["noise", "voice"], "threshold": 0.5,
             "description": "Probability of a voice in the frame"},
            {"name": "gains", "tensor": "gains", "kind": "tensor", "per": "step",
             "description": "For each frame the gain of 22 bands, from 0 (only noise) to 1 (keep)"},
        ],
        "state": [{"input": f"h_{name}", "output": f"h_{name}_next"} for name in STATE],
    }


def numbers(values):
    return [float(f"{value:.9g}") for value in np.ravel(values)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=HERE.parent / "1")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    layers = read_weights(HERE / "weights.rnn")
    data = graph(layers).SerializeToString(deterministic=True)
    (out / "model.onnx").write_bytes(data)
    rows = np.array(json.loads((HERE / "frames.json").read_text()))
    frames, crate = rows[:, :FEATURES], rows[:, FEATURES]
    (out / "manifest.json").write_text(json.dumps(manifest(hashlib.sha256(data).hexdigest()), indent=2) + "\n")

    cases = []
    for start, length in [(0, 1), (70, 2), (0, 7), (120, 30), (60, 64)]:
        part = frames[start:start + length]
        voice, gains = run(layers, part)
        cases.append({"sequence": part.tolist(), "outputs": {"voice": numbers(voice), "gains": numbers(gains)}})
    lines = ",\n    ".join(json.dumps(case) for case in cases)
    (out / "golden.json").write_text('{\n  "formatVersion": 1,\n  "producer": "numpy, float64 equations",\n'
                                     f'  "tolerance": {TOLERANCE},\n  "cases": [\n    {lines}\n  ]\n}}\n')
    (out / "example.json").write_text(json.dumps({"sequences": [frames[75:78].tolist()]}) + "\n")

    session = onnxruntime.InferenceSession(data)
    feeds = {"x": frames[None].astype(np.float32), "lengths": np.array([len(frames)], np.int64),
             **{f"h_{name}": np.zeros((1, 1, layers[name]["neurons"]), np.float32) for name in STATE}}
    served = session.run(["voice", "gains"], feeds)
    voice, gains = run(layers, frames)
    print(f"{sum(w.size for layer in layers.values() for w in layer.values() if hasattr(w, 'size'))} parameters, {len(data)} bytes")
    print(f"graph against float64, {len(frames)} frames: voice {np.abs(served[0][0] - voice).max():.1e}, "
          f"gains {np.abs(served[1][0] - gains).max():.1e}")
    print(f"float64 against the crate's own voice: at most {np.abs(voice - crate).max():.1e}, "
          f"same side of one half on {np.mean((voice >= 0.5) == (crate >= 0.5)):.1%}")


if __name__ == "__main__":
    main()
