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
from measures import binary_scores, fit_best, fit_logistic, fit_ridge, interval_scores, standard_errors, widening, write_json
from train import by_input, train, windows

HERE = Path(__file__).parent
SEEDS = range(5)
LENGTHS = [1, 2, 3, 7, 14, 30, 90, 365]
TEMP = "new_york_temp_max"


def scores(p, value, rain, temp_max):
    return {f"seattle_rain_{k}": v for k, v in binary_scores(p, rain).items()} | {f"{TEMP}_mae": float(np.mean(np.abs(value - temp_max)))}


def model_scores(model, cities, split, length=14):
    x, lengths, rain, temp_max = windows(cities, split, length)
    found = model.answers(x, lengths)
    return scores(found["seattle_rain"], found[TEMP], rain, temp_max)


def baselines(cities):
    """{name: {split: (rain in Seattle, temp_max in New York)}}, each from its own city's days."""
    named = by_input(cities)
    y = {s: windows(cities, s)[2:] for s in SPLITS}

    def log_loss(p, label):
        return -np.mean(np.log(np.where(label > 0, p, 1 - p)))

    def design(k, days):
        out = {}
        for split in SPLITS:
            x = windows(cities, split, days)[0][k].astype(np.float64)
            angle = x[:, -1, 4] * (2 * np.pi / 365.25)
            numbers = np.concatenate([np.sqrt(x[..., :1]), x[..., 1:4]], -1).reshape(len(x), -1)
            out[split] = np.concatenate([numbers, np.stack([np.sin(angle), np.cos(angle)], 1)], 1)
        return out

    def linear(days):
        rain = fit_best(fit_logistic, design("seattle", days), {s: v[0] for s, v in y.items()}, log_loss)
        temp = fit_best(fit_ridge, design("new_york", days), {s: v[1].astype(np.float64) for s, v in y.items()}, lambda a, b: np.abs(a - b).mean())
        return {s: (rain[s], temp[s]) for s in SPLITS}

    last = {s: windows(cities, s, 1)[0] for s in SPLITS}
    city, other = named["seattle"], named["new_york"]
    return {
        "persistence": {s: ((last[s]["seattle"][:, 0, 0] > 0).astype(np.float64), last[s]["new_york"][:, 0, 1]) for s in SPLITS},
        "climatology": {s: (climatology(city, city.rain, s), climatology(other, other.numbers[:, 1], s)) for s in SPLITS},
        "linear, last day": linear(1), "linear, 14 days": linear(14),
    }


def measure(cities, models, chosen):
    """Everything the card says, on histories of 14 days unless it says otherwise."""
    model = models[chosen]
    x, lengths, rain, temp_max = windows(cities, "test")
    found = model.answers(x, lengths)
    ours = found["seattle_rain"], found[TEMP]
    metrics = {
        "days": {s: len(target_days(by_input(cities)["seattle"], s)) for s in SPLITS},
        "rain_share": float(100 * rain.mean()),
        "baselines": {},
        "model": {s: model_scores(model, cities, s) for s in SPLITS},
        "standard_error": standard_errors(scores, *ours, rain, temp_max),
        "coverage": {}, "widening": float(model.widen),
        "test_by_length": {str(n): model_scores(model, cities, "test", n) for n in LENGTHS},
    }
    for split in ("validation", "test"):
        x, lengths, _, y = windows(cities, split)
        found = model.answers(x, lengths)
        metrics["coverage"][split] = interval_scores(found[f"{TEMP}_lower"], found[f"{TEMP}_upper"], y)

    def gap(p, value, q, other, rain, temp_max):
        theirs = scores(q, other, rain, temp_max)
        return {k: v - theirs[k] for k, v in scores(p, value, rain, temp_max).items()}

    for name, theirs in baselines(cities).items():
        metrics["baselines"][name] = {
            **{s: scores(*theirs[s], *windows(cities, s)[2:]) for s in ("validation", "test")},
            "model_minus_baseline": gap(*ours, *theirs["test"], rain, temp_max),
            "standard_error_of_difference": standard_errors(gap, *ours, *theirs["test"], rain, temp_max),
        }
    each = [model_scores(m, cities, "test") for m in models]
    metrics["seeds"] = {
        "chosen": chosen,
        "mean": {k: float(np.mean([e[k] for e in each])) for k in each[0]},
        "sd": {k: float(np.std([e[k] for e in each], ddof=1)) for k in each[0]},
    }
    return metrics


def calibrate(model, cities):
    x, lengths, _, y = windows(cities, "validation")
    found = model.answers(x, lengths)
    model.widen.fill_(widening(found[TEMP], found[f"{TEMP}_lower"], found[f"{TEMP}_upper"], y))


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
    worst = check(graph, files.double(model), cities), check_golden(graph, args.out / "golden.json")
    if max(worst) > producer["tolerance"]:
        raise SystemExit(f"onnxruntime differs from PyTorch by {max(worst)}, more than {producer['tolerance']}")
    metrics["graph"] = {
        "parameters": sum(p.numel() for p in model.parameters()), "bytes": graph.stat().st_size,
        "worst_difference_to_torch": worst[0], "worst_difference_to_golden": worst[1],
    }
    args.metrics.write_text(json.dumps(metrics, indent=2) + "\n")
    (args.out / "CARD.md").write_text(card(metrics))
    print(f"wrote {args.out.name}: {metrics['graph']}")


if __name__ == "__main__":
    main()
