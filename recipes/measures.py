"""Measures, their standard errors, intervals, linear baselines, and the writing of JSON and tables."""
import base64
import json
import math

import numpy as np
import torch

COVERAGE = 0.8


def auc(score, label):
    """Area under the ROC curve by ranks; ties count half."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positive = label > 0
    n1, n0 = positive.sum(), (~positive).sum()
    return float((ranks[positive].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


def binary_scores(p, label):
    return {"accuracy": float(100 * np.mean((p >= 0.5) == (label > 0))), "brier": float(np.mean((p - label) ** 2)), "auc": auc(p, label)}


def standard_errors(measure, *columns, resamples=1000):
    """Of every number in measure(*columns), by the bootstrap over blocks of 7 days, since neighbouring days are alike."""
    rng = np.random.default_rng(0)
    n, found = len(columns[0]), []
    for _ in range(resamples):
        pick = ((rng.integers(0, n, n // 7 + 1)[:, None] + np.arange(7)).ravel()[:n]) % n
        found.append(measure(*(c[pick] for c in columns)))
    return {k: float(np.std([f[k] for f in found])) for k in found[0]}


def interval_scores(low, high, y):
    return {
        "inside": float(100 * np.mean((y >= low) & (y <= high))), "below": float(100 * np.mean(y < low)),
        "above": float(100 * np.mean(y > high)), "width": float(np.mean(high - low)),
    }


def widening(value, low, high, y):
    """The factor for both half widths that puts COVERAGE of y inside: the split-conformal quantile of the distance from
    the value in half widths."""
    rank = math.ceil((len(y) + 1) * COVERAGE) - 1
    return float(np.sort(np.maximum((value - y) / (value - low), (y - value) / (high - value)))[rank])


def fit_logistic(x, y, penalty):
    """Logistic regression by Newton's method; x has zero mean and the bias is not penalised."""
    x = np.concatenate([x, np.ones((len(x), 1))], 1)
    ridge = penalty * np.eye(x.shape[1])
    ridge[-1, -1] = 0
    w = np.zeros(x.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-x @ w))
        w -= np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + ridge, x.T @ (p - y) + ridge @ w)
    return lambda q: 1 / (1 + np.exp(-(q @ w[:-1] + w[-1])))


def fit_ridge(x, y, penalty):
    """Ridge regression in closed form; x has zero mean."""
    w = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ (y - y.mean()))
    return lambda q: q @ w + y.mean()


def fit_best(fit, designs, y, error, penalties=(1, 3, 10, 30, 100, 300, 1000)):
    """Fits on designs["train"] with the penalty that is best on validation; returns {split: answers}."""
    mean, sd = designs["train"].mean(0), designs["train"].std(0) + 1e-9
    x = {k: (v - mean) / sd for k, v in designs.items()}
    models = [fit(x["train"], y["train"], p) for p in penalties]
    best = min(models, key=lambda m: error(m(x["validation"]), y["validation"]))
    return {k: best(v) for k, v in x.items()}


def difference(found, expected):
    """The largest |a - b| / max(1, |b|), as the server measures it."""
    return max(float((np.abs(found[k].ravel() - e) / np.maximum(1, np.abs(e))).max()) for k, e in expected.items())


def digits(values):
    """Flat numbers with the nine digits that tell float32 values apart."""
    return [float(f"{v:.9g}") for v in np.asarray(values, np.float64).ravel().tolist()]


def packed(array):
    """A float32 array for the formula fixtures: its dimensions and its little-endian bytes."""
    array = np.ascontiguousarray(array.detach().numpy() if isinstance(array, torch.Tensor) else array, "<f4")
    return {"dims": list(array.shape), "base64": base64.b64encode(array.tobytes()).decode()}


def write_json(path, value, rows=None):
    """Indented JSON; with `rows`, {key: list} whose items each take one line, appended to the value."""
    text = json.dumps(value, indent=2)
    if rows:
        (key, items), = rows.items()
        lines = ",\n    ".join(json.dumps(i) for i in items)
        text = text[:-1].rstrip() + ("," if value else "") + f'\n  "{key}": [\n    {lines}\n  ]\n}}'
    path.write_text(text + "\n")


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(c) for c in line) + " |" for line in lines)
