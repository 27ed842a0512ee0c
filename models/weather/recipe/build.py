"""Trains, chooses, calibrates, exports and checks the weather model, and writes its whole version directory.
Usage: python build.py [--trunk lstm|gru] [--data DIR] [--out DIR] [--metrics FILE]"""
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

import manifest as files
from baselines import all_baselines
from card import card
from check import check, check_golden
from data import load, target_days, windows
from export import export
from golden import example_sequences, golden_cases
from intervals import coverage, widening
from scores import scores, standard_errors
from train import Settings, train

HERE = Path(__file__).parent
SEEDS = range(5)
LENGTHS = [1, 2, 3, 7, 14, 30, 90, 365]


def predict(model, cities, split, length=14):
    x, lengths, targets = windows(cities, split, length)
    return model.predict(x, lengths), targets


def by_city(cities, answers, targets):
    """The scores of each city's test days."""
    sizes, found, first = [len(target_days(c, "test")) for c in cities], {}, 0
    for city, size in zip(cities, sizes):
        part = slice(first, first + size)
        found[city.name] = {"days": size, **scores({k: v[part] for k, v in answers.items()}, {k: v[part] for k, v in targets.items()})}
        first += size
    return found


def measure(cities, models, chosen, say):
    """Everything the card says: the baselines and all seeds on validation and test, and the chosen model in detail."""
    model = models[chosen]
    answers, targets = predict(model, cities, "test")
    metrics = {"days": {s: sum(len(target_days(c, s)) for c in cities) for s in ("train", "validation", "test")}}
    metrics["rain_share"] = float(100 * targets["rain"].mean())
    metrics["baselines"] = {}
    for name, baseline in all_baselines(cities).items():
        say(f"  baseline: {name}")
        theirs, _ = baseline("test")
        ours, same = scores(answers, targets), scores(theirs, targets)
        metrics["baselines"][name] = {
            "validation": scores(*baseline("validation")),
            "test": same,
            "model_minus_baseline": {k: ours[k] - same[k] for k in same},
            "standard_error_of_difference": standard_errors(answers, targets, theirs),
        }
    metrics["model"] = {
        "validation": scores(*predict(model, cities, "validation")),
        "test": scores(answers, targets),
        "standard_error": standard_errors(answers, targets),
        "coverage": {s: coverage(*predict(model, cities, s)) for s in ("validation", "test")},
        "test_by_city": by_city(cities, answers, targets),
        "widening": model.widen.tolist(),
        "test_by_length": {str(n): scores(*predict(model, cities, "test", n)) for n in LENGTHS},
        "coverage_by_length": {str(n): coverage(*predict(model, cities, "test", n)) for n in LENGTHS},
        "max_below_min": int(np.sum(answers["temp_max"] < answers["temp_min"])),
    }
    each = [scores(*predict(m, cities, "test")) for m in models]
    metrics["seeds"] = {
        "chosen": chosen,
        "mean": {k: float(np.mean([e[k] for e in each])) for k in each[0]},
        "sd": {k: float(np.std([e[k] for e in each], ddof=1)) for k in each[0]},
    }
    return metrics


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE, help="folder of weather.csv")
    parser.add_argument("--trunk", choices=["lstm", "gru"], default="lstm")
    parser.add_argument("--out", type=Path, help="version directory to write; default ../1, or ../../weather-gru/1")
    parser.add_argument("--metrics", type=Path, help="where to write the figures; default metrics.json in the model's recipe folder")
    args = parser.parse_args()
    home = HERE.parent if args.trunk == "lstm" else HERE.parent.parent / "weather-gru"
    args.out, args.metrics = args.out or home / "1", args.metrics or home / "recipe" / "metrics.json"
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    cities = load(args.data)

    print("training", len(SEEDS), "seeds")
    models, validation_losses = zip(*(train(cities, seed, Settings(trunk=args.trunk)) for seed in SEEDS))
    for model in models:
        model.widen.copy_(torch.tensor(widening(*predict(model, cities, "validation"))))
    chosen = int(np.argmin(validation_losses))
    model = models[chosen]

    print(f"measuring; seed {SEEDS[chosen]} has the lowest validation loss")
    metrics = measure(cities, models, chosen, print)
    metrics["seeds"]["validation_loss"] = list(validation_losses)

    print("exporting and checking")
    graph = args.out / "model.onnx"
    export(model, graph)
    files.write_json(args.out / "manifest.json", files.manifest(graph, model.state))
    producer = {"formatVersion": 1, "producer": f"torch {torch.__version__.split('+')[0]}", "tolerance": 1e-5}
    files.write_json(args.out / "golden.json", producer, {"cases": golden_cases(model, cities)})
    files.write_json(args.out / "example.json", {}, {"sequences": example_sequences(cities)})
    worst = check(graph, model, cities), check_golden(graph, args.out / "golden.json")
    if max(worst) > producer["tolerance"]:
        raise SystemExit(f"onnxruntime differs from PyTorch by {max(worst)}, more than {producer['tolerance']}")
    metrics["graph"] = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "bytes": graph.stat().st_size,
        "worst_difference_to_torch": worst[0],
        "worst_difference_to_golden": worst[1],
    }
    args.metrics.write_text(json.dumps(metrics, indent=2) + "\n")
    (args.out / "CARD.md").write_text(card(metrics, args.trunk))
    print(f"wrote {args.out.name}: {metrics['graph']}")


if __name__ == "__main__":
    main()
