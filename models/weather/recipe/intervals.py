"""Interval coverage: measured, and corrected on validation where it is off."""
import math

import numpy as np

from scores import REGRESSIONS

COVERAGE = 0.8


def coverage(answers, targets):
    """Per cent of days inside [lower, upper], below it and above it, and the mean width, by head."""
    out = {}
    for head in (r for r in REGRESSIONS if r in answers):
        y, low, high = targets[head], answers[head + "_lower"], answers[head + "_upper"]
        out[head] = {
            "inside": float(100 * np.mean((y >= low) & (y <= high))),
            "below": float(100 * np.mean(y < low)),
            "above": float(100 * np.mean(y > high)),
            "width": float(np.mean(high - low)),
        }
    return out


def widening(answers, targets):
    """One factor a head for both half widths, so that COVERAGE of the days lie inside: the split-conformal quantile
    of the distance from the value in half widths, with its n + 1 correction."""
    n = len(targets["wind"])
    rank = math.ceil((n + 1) * COVERAGE) - 1
    factors = []
    for head in (r for r in REGRESSIONS if r in answers):
        y, v = targets[head], answers[head]
        below = (v - y) / (v - answers[head + "_lower"])
        above = (y - v) / (answers[head + "_upper"] - v)
        factors.append(float(np.sort(np.maximum(below, above))[rank]))
    return factors
