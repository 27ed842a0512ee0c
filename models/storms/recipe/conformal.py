"""Split-conformal margins that make the intervals of the finished graph hold any share: found on the validation storms as `polyhead
calibrate` finds them, measured on the test storms. Needs no PyTorch. Writes metrics.json and the card. Usage: python conformal.py"""
import json
import math
from pathlib import Path

import numpy as np
import onnxruntime as ort

from card import card
from data import NUMBERS, flat, load

HERE = Path(__file__).parent
COVERAGES = (0.8, 0.9, 0.95)


def answers(graph, storms):
    """Value and bounds at every fix that has another one 24 hours later: {output: [fix]}, in float64."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    names = [head + end for head in NUMBERS for end in ("_lower", "_upper")]
    state = {i.name: np.zeros((1, 1, i.shape[2]), np.float32) for i in session.get_inputs() if i.name not in ("x", "lengths")}
    rows = [session.run(names, {"x": s.steps[None], "lengths": np.array([len(s.steps)]), **state}) for s in storms]
    return {name: np.concatenate([row[i][0, s.known].astype(np.float64) for row, s in zip(rows, storms)]) for i, name in enumerate(names)}


def outside(found, targets):
    """How far each outcome lies beyond its interval, below 0 for how deep inside: {head: [fix]}."""
    y = dict(zip(NUMBERS, targets["numbers"].T.astype(np.float64)))
    return {head: np.maximum(found[head + "_lower"] - y[head], y[head] - found[head + "_upper"]) for head in NUMBERS}


def conformal(graph, splits, resamples=500):
    """By coverage and head: the margin, the share of the test fixes inside with its standard error (bootstrap over storms), the width."""
    validation, test = (splits[s] for s in ("validation", "test"))
    scores, targets = outside(answers(graph, validation), flat(validation)), flat(test)
    found = answers(graph, test)
    apart = outside(found, targets)
    rng, storms = np.random.default_rng(0), np.unique(targets["storm"])
    places = [np.flatnonzero(targets["storm"] == n) for n in storms]
    picks = [np.concatenate([places[i] for i in rng.integers(0, len(places), len(places))]) for _ in range(resamples)]
    out = {}
    for coverage in COVERAGES:
        out[f"{coverage:g}"] = {}
        for head in NUMBERS:
            rank = math.ceil((len(scores[head]) + 1) * coverage - 1e-9)
            margin = float(np.sort(scores[head])[rank - 1])
            inside = 100.0 * (apart[head] <= margin)
            out[f"{coverage:g}"][head] = {
                "margin": margin,
                "inside": float(inside.mean()),
                "standard_error": float(np.std([inside[p].mean() for p in picks])),
                "width": float(np.mean(found[head + "_upper"] - found[head + "_lower"]) + 2 * margin),
            }
    return out


def main():
    metrics = json.loads((HERE / "metrics.json").read_text())
    metrics["model"]["conformal"] = conformal(HERE.parent / "1" / "model.onnx", load(HERE))
    (HERE / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    (HERE.parent / "1" / "CARD.md").write_text(card(metrics))


if __name__ == "__main__":
    main()
