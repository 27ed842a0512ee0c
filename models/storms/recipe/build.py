"""Trains, chooses, calibrates, exports and checks the storm model, and writes its whole version directory.
Usage: python build.py [--data DIR] [--out DIR] [--metrics FILE]"""
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

import conformal
import files
from baselines import all_baselines
from card import card
from check import check, check_golden
from data import flat, load
from graph import write
from scores import coverage, distance, scores, standard_errors, widening
from train import Settings, train

HERE = Path(__file__).parent
SEEDS = range(5)


def by_group(answers, targets, groups):
    """The scores of each group of fixes; `groups`: {name: which fixes}."""
    return {name: {"fixes": int(pick.sum()), **scores({k: v[pick] for k, v in answers.items()}, {k: v[pick] for k, v in targets.items()})}
            for name, pick in groups.items()}


def histories(storms):
    """By how many fixes came before the one asked at (itself included)."""
    place = np.concatenate([np.flatnonzero(s.known) + 1 for s in storms])
    return {name: (place >= first) & (place <= last)
            for name, first, last in (("1", 1, 1), ("2", 2, 2), ("3-4", 3, 4), ("5-12", 5, 12), ("13 and more", 13, 999))}


def strengths(storms):
    """By the wind at the fix, in the steps of the Saffir-Simpson scale."""
    wind = np.concatenate([s.steps[s.known, 2] for s in storms])
    return {name: (wind >= first) & (wind < below) for name, first, below in (
        ("below 34 kt", 0, 34), ("34 to 63 kt", 34, 64), ("category 1 and 2", 64, 96), ("category 3 to 5", 96, 999))}


def against(splits, answers, say=print):
    """The figures of every baseline, and how the answers differ from them."""
    found, targets = {}, flat(splits["test"])
    for name, baseline in all_baselines(splits).items():
        say(f"  baseline: {name}")
        theirs = baseline("test")
        ours, same = scores(answers, targets), scores(theirs, targets)
        found[name] = {
            "validation": scores(baseline("validation"), flat(splits["validation"])),
            "test": same,
            "model_minus_baseline": {k: ours[k] - same[k] for k in same},
            "standard_error_of_difference": standard_errors(answers, targets, theirs),
        }
    return found


def measure(splits, models, chosen, say):
    """Everything the card says: baselines and all seeds on validation and test, and the chosen model in detail."""
    model, test = models[chosen], splits["test"]
    answers, targets = model.predict(test), flat(test)
    y = targets["numbers"]
    metrics = {
        "storms": {s: len({x.number for x in v}) for s, v in splits.items()},
        "fixes": {s: int(sum(x.known.sum() for x in v)) for s, v in splits.items()},
        "rapid_share": float(100 * targets["rapid"].mean()),
        "baselines": against(splits, answers, say),
    }
    off = distance(answers["lat"], answers["long"], y[:, 0], y[:, 1])
    metrics["model"] = {
        "validation": scores(model.predict(splits["validation"]), flat(splits["validation"])),
        "test": scores(answers, targets),
        "standard_error": standard_errors(answers, targets),
        "coverage": {s: coverage(model.predict(splits[s]), flat(splits[s])) for s in ("validation", "test")},
        "both_track_bounds": float(100 * np.mean(np.all([
            (y[:, i] >= answers[h + "_lower"]) & (y[:, i] <= answers[h + "_upper"]) for i, h in enumerate(("lat", "long"))], 0))),
        "track_km_median": float(np.median(off)),
        "track_km_90": float(np.quantile(off, 0.9)),
        "widening": model.widen.tolist(),
        "test_by_history": by_group(answers, targets, histories(test)),
        "test_by_wind": by_group(answers, targets, strengths(test)),
        "rapid_called": int(np.sum(answers["intensification"] >= 0.5)),
        "rapid_called_rightly": int(np.sum((answers["intensification"] >= 0.5) & (targets["rapid"] > 0))),
        "rapid_cases": int(targets["rapid"].sum()),
    }
    each = [scores(m.predict(test), targets) for m in models]
    metrics["seeds"] = {
        "chosen": chosen,
        "mean": {k: float(np.mean([e[k] for e in each])) for k in each[0]},
        "sd": {k: float(np.std([e[k] for e in each], ddof=1)) for k in each[0]},
    }
    return metrics


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE, help="folder of storms.csv.gz")
    parser.add_argument("--out", type=Path, default=HERE.parent / "1", help="version directory to write")
    parser.add_argument("--metrics", type=Path, default=HERE / "metrics.json", help="where to write the figures")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    splits = load(args.data)

    print("training", len(SEEDS), "seeds")
    models, validation_losses, seconds = zip(*(train(splits, seed) for seed in SEEDS))
    for model in models:
        model.widen.copy_(torch.tensor(widening(model.predict(splits["validation"]), flat(splits["validation"]))))
    chosen = int(np.argmin(validation_losses))
    model = models[chosen]

    print(f"measuring; seed {SEEDS[chosen]} has the lowest validation loss")
    metrics = measure(splits, models, chosen, print)
    metrics["settings"] = {"track": Settings().track}
    metrics["seeds"] |= {"validation_loss": list(validation_losses), "training_cpu_seconds": [round(s, 1) for s in seconds]}

    print("exporting and checking")
    graph = args.out / "model.onnx"
    write(model, graph)
    files.write_json(args.out / "manifest.json", files.manifest(graph))
    producer = {"formatVersion": 1, "producer": f"torch {torch.__version__.split('+')[0]}", "tolerance": 1e-5}
    files.write_json(args.out / "golden.json", producer, {"cases": files.golden_cases(model, splits)})
    files.write_json(args.out / "example.json", {}, {"sequences": files.example_sequences(splits)})
    worst = check(graph, files.double(model), splits["test"]), check_golden(graph, args.out / "golden.json")
    if max(worst) > producer["tolerance"]:
        raise SystemExit(f"onnxruntime differs from PyTorch by {max(worst)}, more than {producer['tolerance']}")
    metrics["graph"] = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "bytes": graph.stat().st_size,
        "worst_difference_to_torch": worst[0],
        "worst_difference_to_golden": worst[1],
    }
    metrics["model"]["conformal"] = conformal.conformal(graph, splits)
    args.metrics.write_text(json.dumps(metrics, indent=2) + "\n")
    (args.out / "CARD.md").write_text(card(metrics))
    print(f"wrote {args.out.name}: {metrics['graph']}")


if __name__ == "__main__":
    main()
