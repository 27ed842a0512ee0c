"""Trains, measures, exports and checks the model, and writes its whole version directory.
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
from measures import binary_scores, fit_best, fit_logistic, standard_errors, write_json
from model import train, windows

HERE = Path(__file__).parent
SEEDS = range(5)


def baselines(cities, x, y):
    """{name: {split: probabilities}}."""
    def log_loss(p, label):
        return -np.mean(np.log(np.where(label > 0, p, 1 - p)))

    def design(days):
        z = {s: v[:, -days:].astype(np.float64) for s, v in x.items()}
        for v in z.values():
            v[..., 0] = np.sqrt(v[..., 0])
        return {s: v.reshape(len(v), -1) for s, v in z.items()}

    return {
        "persistence": {s: (x[s][:, -1, 0] > 0).astype(np.float64) for s in SPLITS},
        "climatology": {s: np.concatenate([climatology(c, c.rain, s) for c in cities]) for s in SPLITS},
        "logistic, last day": fit_best(fit_logistic, design(1), y, log_loss),
        "logistic, ten days": fit_best(fit_logistic, design(10), y, log_loss),
    }


def measure(cities, models, chosen):
    """Everything the card says."""
    x, y = ({s: windows(cities, s)[i] for s in SPLITS} for i in (0, 1))
    ours, label = models[chosen].predict(x["test"]), y["test"]
    metrics = {
        "days": {s: sum(len(target_days(c, s)) for c in cities) for s in SPLITS},
        "rain_share": float(100 * label.mean()),
        "baselines": {}, "model": {s: binary_scores(models[chosen].predict(x[s]), y[s]) for s in SPLITS},
        "standard_error": standard_errors(binary_scores, ours, label),
    }
    for name, answers in baselines(cities, x, y).items():
        def gap(a, b, t):
            return {k: v - binary_scores(b, t)[k] for k, v in binary_scores(a, t).items()}

        metrics["baselines"][name] = {
            **{s: binary_scores(answers[s], y[s]) for s in ("validation", "test")},
            "model_minus_baseline": gap(ours, answers["test"], label),
            "standard_error_of_difference": standard_errors(gap, ours, answers["test"], label),
        }
    each = [binary_scores(m.predict(x["test"]), label) for m in models]
    metrics["seeds"] = {
        "chosen": chosen,
        "mean": {k: float(np.mean([e[k] for e in each])) for k in each[0]},
        "sd": {k: float(np.std([e[k] for e in each], ddof=1)) for k in each[0]},
    }
    return metrics


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
    worst = check(graph, files.double(model), windows(cities, "test")[0]), check_golden(graph, args.out / "golden.json")
    if max(worst) > producer["tolerance"]:
        raise SystemExit(f"onnxruntime differs from PyTorch by {max(worst)}, more than {producer['tolerance']}")
    metrics["graph"] = {
        "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad), "bytes": graph.stat().st_size,
        "worst_difference_to_torch": worst[0], "worst_difference_to_golden": worst[1],
    }
    args.metrics.write_text(json.dumps(metrics, indent=2) + "\n")
    (args.out / "CARD.md").write_text(card(metrics))
    print(f"wrote {args.out.name}: {metrics['graph']}")


if __name__ == "__main__":
    main()
