"""Measures of every head, the same for the baselines and the model, their standard errors, and interval coverage."""
import math

import numpy as np

from data import NUMBERS

COVERAGE = 0.8
MEASURES = {  # name in the tables, digits, larger is better
    "status_accuracy": ("status, accuracy %", 1, True),
    "wind_mae": ("wind, MAE kt", 2, False),
    "pressure_mae": ("pressure, MAE mb", 2, False),
    "track_km": ("track, mean error km", 1, False),
    "intensification_auc": ("intensification, AUC", 3, True),
    "intensification_brier": ("intensification, Brier score", 4, False),
}


def distance(lat1, long1, lat2, long2):
    """Great-circle distance in km (haversine)."""
    a, b, c, d = (np.radians(np.asarray(v, np.float64)) for v in (lat1, long1, lat2, long2))
    s = np.sin((c - a) / 2) ** 2 + np.cos(a) * np.cos(c) * np.sin((d - b) / 2) ** 2
    return 2 * 6371.0 * np.arcsin(np.sqrt(s))


def auc(score, label):
    """Area under the ROC curve by ranks; ties count half."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positive = label > 0
    n1, n0 = positive.sum(), (~positive).sum()
    return float((ranks[positive].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


def scores(answers, targets):
    """`answers`: status [n, 5], intensification [n] probability (may be absent), lat, long, wind, pressure [n]."""
    y = dict(zip(NUMBERS, targets["numbers"].T))
    out = {
        "status_accuracy": float(100 * np.mean(answers["status"].argmax(1) == targets["status"])),
        "wind_mae": float(np.mean(np.abs(answers["wind"] - y["wind"]))),
        "pressure_mae": float(np.mean(np.abs(answers["pressure"] - y["pressure"]))),
        "track_km": float(np.mean(distance(answers["lat"], answers["long"], y["lat"], y["long"]))),
    }
    if "intensification" in answers:
        p = answers["intensification"]
        out["intensification_auc"] = auc(p, targets["rapid"])
        out["intensification_brier"] = float(np.mean((p - targets["rapid"]) ** 2))
    return out


def standard_errors(answers, targets, other=None, resamples=500):
    """By the bootstrap over whole storms, since fixes of a storm are alike; with `other`, of the difference answers - other."""
    rng = np.random.default_rng(0)
    places = [np.flatnonzero(targets["storm"] == n) for n in np.unique(targets["storm"])]
    found = []
    for _ in range(resamples):
        pick = np.concatenate([places[i] for i in rng.integers(0, len(places), len(places))])
        t = {k: v[pick] for k, v in targets.items()}
        one = scores({k: v[pick] for k, v in answers.items()}, t)
        if other is not None:
            two = scores({k: v[pick] for k, v in other.items()}, t)
            one = {k: one[k] - two[k] for k in two}
        found.append(one)
    return {k: float(np.std([f[k] for f in found])) for k in found[0]}


def coverage(answers, targets):
    """Per cent of fixes inside [lower, upper], below it and above it, and the mean width, by regression head."""
    out = {}
    for i, head in enumerate(NUMBERS):
        y, low, high = targets["numbers"][:, i], answers[head + "_lower"], answers[head + "_upper"]
        out[head] = {
            "inside": float(100 * np.mean((y >= low) & (y <= high))), "below": float(100 * np.mean(y < low)),
            "above": float(100 * np.mean(y > high)), "width": float(np.mean(high - low)),
        }
    return out


def widening(answers, targets):
    """One factor a head for both half widths, so that COVERAGE of the fixes lie inside: the split-conformal quantile of the
    distance from the value in half widths."""
    rank = math.ceil((len(targets["status"]) + 1) * COVERAGE) - 1
    factors = []
    for i, head in enumerate(NUMBERS):
        y, v = targets["numbers"][:, i], answers[head]
        below = (v - y) / np.maximum(v - answers[head + "_lower"], 1e-6)
        above = (y - v) / np.maximum(answers[head + "_upper"] - v, 1e-6)
        factors.append(float(np.sort(np.maximum(below, above))[rank]))
    return factors
