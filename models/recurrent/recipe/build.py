"""Trains, chooses, calibrates, exports and checks the model, and writes its whole version directory.
Usage: python build.py [--data DIR] [--out DIR] [--metrics FILE] [--formulas FILE]"""
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy and torch: sums then have one order
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.append(str(Path(__file__).parents[3] / "recipes"))  # what recipes share

import argparse
import json

import numpy as np
import torch

import files
from card import card
from check import check, check_golden
from days import DATA, SPLITS, climatology, load, target_days
from graph import write
from measures import fit_best, fit_ridge, interval_scores, standard_errors, widening, write_json
from model import HEADS
from train import predict, train, windows

HERE = Path(__file__).parent
SEEDS = range(5)
LENGTHS = [1, 2, 3, 7, 14, 30, 90, 365]


def errors(answers, y):
    """The mean absolute error of each head; `answers` [n, 2] or {head: [n]}."""
    columns = [answers[h] for h in HEADS] if isinstance(answers, dict) else answers.T
    return {h: float(np.mean(np.abs(c - y[:, i]))) for i, (h, c) in enumerate(zip(HEADS, columns))}


def baselines(cities, y):
    """{name: {split: [n, 2]}}."""
    def design(days):
        out = {}
        for split in SPLITS:
            x = windows(cities, split, days)[0].astype(np.float64)
            angle = x[:, -1, 4] * (2 * np.pi / 365.25)
            numbers = np.concatenate([np.sqrt(x[..., :1]), x[..., 1:4]], -1).reshape(len(x), -1)
            out[split] = np.concatenate([numbers, np.stack([np.sin(angle), np.cos(angle), x[:, -1, 5]], 1)], 1)
        return out

    def ridge(days):
        z = design(days)
        columns = [fit_best(fit_ridge, z, {s: v[:, i].astype(np.float64) for s, v in y.items()}, lambda a, b: np.abs(a - b).mean())
                   for i in range(len(HEADS))]
        return {s: np.stack([c[s] for c in columns], 1) for s in SPLITS}

    def season(split):
        return np.concatenate([np.stack([climatology(c, c.numbers[:, i], split) for i in (1, 2)], 1) for c in cities])

    return {
        "persistence": {s: windows(cities, s, 1)[0][:, -1, 1:3] for s in SPLITS},
        "climatology": {s: season(s) for s in SPLITS},
        "linear, last day": ridge(1), "linear, 14 days": ridge(14),
    }


def intervals(model, cities, split, length=14):
    x, lengths, y = windows(cities, split, length)
    found = predict(model, x, lengths)
    return {h: interval_scores(found[h + "_lower"], found[h + "_upper"], y[:, i]) for i, h in enumerate(HEADS)}


def measure(cities, models, chosen):
    """Everything the card says, on histories of 14 days unless it says otherwise."""
    model = models[chosen]
    data = {s: windows(cities, s) for s in SPLITS}
    y = {s: d[2] for s, d in data.items()}
    ours = np.stack([predict(model, *data["test"][:2])[h] for h in HEADS], 1)
    by_length = {n: windows(cities, "test", n) for n in LENGTHS}
    metrics = {
        "days": {s: sum(len(target_days(c, s)) for c in cities) for s in SPLITS},
        "baselines": {},
        "model": {s: errors(predict(model, *data[s][:2]), y[s]) for s in SPLITS},
        "standard_error": standard_errors(errors, ours, y["test"]),
        "coverage": {s: intervals(model, cities, s) for s in ("validation", "test")},
        "widening": model.widen.tolist(),
        "test_by_length": {str(n): errors(predict(model, *d[:2]), d[2]) for n, d in by_length.items()},
    }

    def gap(a, b, t):
        return {k: v - errors(b, t)[k] for k, v in errors(a, t).items()}

    for name, answers in baselines(cities, y).items():
        metrics["baselines"][name] = {
            **{s: errors(answers[s], y[s]) for s in ("validation", "test")},
            "model_minus_baseline": gap(ours, answers["test"], y["test"]),
            "standard_error_of_difference": standard_errors(gap, ours, answers["test"], y["test"]),
        }
    each = [errors(predict(m, *data["test"][:2]), y["test"]) for m in models]
    metrics["seeds"] = {
        "chosen": chosen,
        "mean": {k: float(np.mean([e[k] for e in each])) for k in HEADS},
        "sd": {k: float(np.std([e[k] for e in each], ddof=1)) for k in HEADS},
    }
    return metrics


def calibrate(model, cities):
    x, lengths, y = windows(cities, "validation")
    found = predict(model, x, lengths)
    factors = [widening(found[h], found[h + "_lower"], found[h + "_upper"], y[:, i]) for i, h in enumerate(HEADS)]
    model.widen.copy_(torch.tensor(factors))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of weather.csv")
    parser.add_argument("--out", type=Path, default=HERE.parent / "1", help="version directory to write")
    parser.add_argument("--metrics", type=Path, default=HERE / "metrics.json", help="where to write the figures")
    parser.add_argument("--formulas", type=Path, help="where to write the weights for a check of the equations")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    cities = load(args.data)

    print("training", len(SEEDS), "seeds")
    models, losses, seconds = zip(*(train(cities, seed) for seed in SEEDS))
    for model in models:
        calibrate(model, cities)
    chosen = int(np.argmin(losses))
    model = models[chosen]
    print(f"measuring; seed {SEEDS[chosen]} has the lowest validation loss")
    metrics = measure(cities, models, chosen)
    metrics["seeds"] |= {"validation_loss": list(losses), "training_cpu_seconds": [round(s, 1) for s in seconds]}

    print("exporting and checking")
    graph = args.out / "model.onnx"
    write(model, graph)
    write_json(args.out / "manifest.json", files.manifest(graph))
    producer = {"formatVersion": 1, "producer": f"torch {torch.__version__.split('+')[0]}", "tolerance": 1e-5}
    write_json(args.out / "golden.json", producer, {"cases": files.golden_cases(model, cities)})
    write_json(args.out / "example.json", {}, {"sequences": files.example_sequences(cities)})
    if args.formulas:
        args.formulas.parent.mkdir(parents=True, exist_ok=True)
        fixture, cases = files.formulas(model, cities)
        write_json(args.formulas, fixture, {"cases": cases})
    worst, alone = check(graph, files.double(model), cities)
    golden = check_golden(graph, args.out / "golden.json")
    if max(worst, golden) > producer["tolerance"]:
        raise SystemExit(f"onnxruntime differs from PyTorch by {max(worst, golden)}, more than {producer['tolerance']}")
    metrics["graph"] = {
        "parameters": sum(p.numel() for p in model.parameters()), "bytes": graph.stat().st_size, "worst_difference_to_torch": worst,
        "worst_difference_to_golden": golden, "worst_difference_alone": alone,
    }
    args.metrics.write_text(json.dumps(metrics, indent=2) + "\n")
    (args.out / "CARD.md").write_text(card(metrics))
    print(f"wrote {args.out.name}: {metrics['graph']}")


if __name__ == "__main__":
    main()
