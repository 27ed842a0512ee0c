"""Makes the model `weather-quantised`: the same recipe with more dropout, whose LSTM is then stored in 8 bits by
onnxruntime's dynamic quantisation. The goldens are PyTorch's answers in float, so they bound what the 8 bits cost.
Usage: python quantise.py [--data DIR] [--out DIR] [--metrics FILE]"""
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.append(str(Path(__file__).parents[3] / "recipes"))  # what recipes share

import argparse
import json
import logging
import tempfile
import time

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnxruntime.quantization import quantize_dynamic

import manifest as files
from build import HERE, SEEDS, predict
from card_quantised import card
from check import check, row, run
from data import load, windows
from export import export
from golden import CASES, example_sequences, golden_cases, history
from intervals import coverage, widening
from model import HIDDEN
from scores import scores
from train import Settings, train
from unsigned import unsigned

SETTINGS = Settings(dropout=0.5)  # smaller weights on h, so that the rounding of h counts less
TOLERANCE = 0.01


def session(path):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def quantise(source, target):
    """Only the LSTM, one scale a row of its weights; the heads stay float32, which costs 2 kB and saves most of the error."""
    logging.disable(logging.WARNING)  # advice to pre-process the graph; it has nothing to gain here
    quantize_dynamic(source, target, op_types_to_quantize=["LSTM"], per_channel=True)
    logging.disable(logging.NOTSET)
    onnx.save(unsigned(onnx.load(target)), target)


def alone(graph, x):
    """Every history in a run of its own: {output: array}, heads only."""
    rows = [run(graph, [h]) for h in x]
    joined = {k: np.concatenate([r[k] for r in rows]) for k in rows[0] if k not in ("hn", "cn")}
    return {k: v[:, 0] if v.shape[1] == 1 else v for k, v in joined.items()}


def distance(found, wanted):
    """For each history the largest |a - b| / max(1, |b|) over all head values, as the server measures goldens."""
    return np.max([(np.abs(found[k] - wanted[k]) / np.maximum(1, np.abs(wanted[k]))).reshape(len(wanted[k]), -1).max(1) for k in wanted], 0)


def neighbours(graph, x, rounds=40):
    """The largest distance between a history alone and in a batch with others of its length."""
    rng, worst = np.random.default_rng(0), 0.0
    for _ in range(rounds):
        pick = rng.integers(0, len(x), 8)
        together = run(graph, list(x[pick]))
        for place, i in enumerate(pick):
            one, other = row(run(graph, [x[i]]), 0), row(together, place)
            worst = max(worst, max(float((np.abs(other[k] - one[k]) / np.maximum(1, np.abs(one[k]))).max()) for k in one if k not in ("hn", "cn")))
    return worst


def microseconds(graphs, days, turns=1000):
    """The median time of a run with one history, the graphs in turn so that both meet the same machine."""
    feeds = {"x": days[None], "lengths": np.array([len(days)]), **{s: np.zeros((1, 1, HIDDEN), np.float32) for s in ("h0", "c0")}}
    found = {name: [] for name in graphs}
    for _ in range(turns):
        for name, graph in graphs.items():
            start = time.perf_counter()
            graph.run(None, feeds)
            found[name].append(time.perf_counter() - start)
    return {name: round(1e6 * float(np.median(t)), 1) for name, t in found.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    home = HERE.parent.parent / "weather-quantised"
    parser.add_argument("--data", type=Path, default=HERE, help="folder of weather.csv")
    parser.add_argument("--out", type=Path, default=home / "1", help="version directory to write")
    parser.add_argument("--metrics", type=Path, default=home / "recipe" / "metrics.json", help="where to write the figures")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for folder in (args.out, args.metrics.parent):
        folder.mkdir(parents=True, exist_ok=True)
    cities = load(args.data)
    x = {split: windows(cities, split, 14)[0] for split in ("validation", "test")}
    with tempfile.TemporaryDirectory() as scratch:
        nets = []
        for seed in SEEDS:
            model, loss = train(cities, seed, SETTINGS)
            model.widen.copy_(torch.tensor(widening(*predict(model, cities, "validation"))))
            paths = Path(scratch) / f"{seed}.onnx", Path(scratch) / f"{seed}-8.onnx"
            export(model, paths[0])
            quantise(*paths)
            off = distance(alone(session(paths[1]), x["validation"]), alone(session(paths[0]), x["validation"]))
            nets.append((float(off.max()), loss, model, paths))
        chosen = int(np.argmin([n[0] for n in nets]))
        _, _, model, (plain, small) = nets[chosen]
        check(plain, model, cities, rounds=20)
        graph = args.out / "model.onnx"
        graph.write_bytes(small.read_bytes())
        float_bytes, graphs = plain.stat().st_size, {"float32": session(plain), "8 bits": session(graph)}

    answers, targets = alone(graphs["8 bits"], x["test"]), windows(cities, "test", 14)[2]
    exact = alone(graphs["float32"], x["test"])
    cases = [row(run(graphs["8 bits"], [history(cities, *c)]), 0) for c in CASES]
    wanted = [row(run(graphs["float32"], [history(cities, *c)]), 0) for c in CASES]
    golden = [float(distance({k: v[None] for k, v in a.items()}, {k: b[k][None] for k in model.outputs})[0]) for a, b in zip(cases, wanted)]
    off = {"validation": distance(alone(graphs["8 bits"], x["validation"]), alone(graphs["float32"], x["validation"])), "test": distance(answers, exact)}
    metrics = {
        "seed": SEEDS[chosen], "validation_loss": [n[1] for n in nets], "worst_on_validation": [n[0] for n in nets],
        "test": {"8 bits": scores(answers, targets), "float32": scores(exact, targets)},
        "coverage": {"8 bits": coverage(answers, targets), "float32": coverage(exact, targets)},
        "distance": {s: {"median": float(np.median(d)), "90 %": float(np.quantile(d, .9)), "worst": float(d.max()),
                         "over_tolerance": int((d > TOLERANCE).sum()), "days": len(d)} for s, d in off.items()},
        "golden_worst": max(golden), "neighbours_worst": neighbours(graphs["8 bits"], x["test"]),
        "bytes": {"8 bits": graph.stat().st_size, "float32": float_bytes},
        "microseconds": {str(n): microseconds(graphs, history(cities, n, "Seattle", "2015-12-30")) for n in (1, 14, 365)},
    }
    if metrics["golden_worst"] > TOLERANCE:
        raise SystemExit(f"a golden case is off by {metrics['golden_worst']:.4f}, more than {TOLERANCE}")
    described = files.manifest(graph, model.state)
    described["description"] = "The weather model with its LSTM in 8 bits: smaller, a little off, and never batched."
    files.write_json(args.out / "manifest.json", described)
    rows = golden_cases(model, cities)
    for case in rows:  # the state is rounded more than the heads, and no answer of its own
        case["outputs"] = {k: v for k, v in case["outputs"].items() if k not in ("hn", "cn")}
    producer = {"formatVersion": 1, "producer": f"torch {torch.__version__.split('+')[0]}", "tolerance": TOLERANCE}
    files.write_json(args.out / "golden.json", producer, {"cases": rows})
    files.write_json(args.out / "example.json", {}, {"sequences": example_sequences(cities)})
    args.metrics.write_text(json.dumps(metrics, indent=2) + "\n")
    (args.out / "CARD.md").write_text(card(metrics))
    print(f"wrote {args.out}: seed {SEEDS[chosen]}, golden off by at most {max(golden):.4f}, {metrics['bytes']}")


if __name__ == "__main__":
    main()
