"""The measures of every head, the same for the baselines and the model. Lower is better but for accuracy and AUC."""
import numpy as np

REGRESSIONS = ["temp_max", "temp_min", "wind"]


def auc(score, label):
    """Area under the ROC curve by ranks; ties count half."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positive = label > 0
    n1, n0 = positive.sum(), (~positive).sum()
    return float((ranks[positive].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


def scores(answers, targets):
    """`answers`: rain [n] probability, weather [n, 5] probabilities or scores, the regressions [n]."""
    out = {}
    if "rain" in answers:
        rain, label = answers["rain"], targets["rain"]
        out["rain_accuracy"] = float(100 * np.mean((rain >= 0.5) == (label > 0)))
        out["rain_brier"] = float(np.mean((rain - label) ** 2))
        out["rain_auc"] = auc(rain, label)
    if "weather" in answers:
        out["weather_accuracy"] = float(100 * np.mean(answers["weather"].argmax(1) == targets["weather"]))
    for head in (r for r in REGRESSIONS if r in answers):
        out[f"{head}_mae"] = float(np.mean(np.abs(answers[head] - targets[head])))
    return out


def standard_errors(answers, targets, other=None, resamples=2000):
    """Standard error of every measure by the bootstrap over test days; with `other`, that of the difference
    answers - other on the same days. Days are drawn in blocks of 7, since neighbouring days are alike."""
    rng = np.random.default_rng(0)
    n, block = len(targets["rain"]), 7
    found = []
    for _ in range(resamples):
        starts = rng.integers(0, n, n // block + 1)
        pick = ((starts[:, None] + np.arange(block)).ravel()[:n]) % n
        t = {k: v[pick] for k, v in targets.items()}
        one = scores({k: v[pick] for k, v in answers.items()}, t)
        if other is not None:
            two = scores({k: v[pick] for k, v in other.items()}, t)
            one = {k: one[k] - two[k] for k in one}
        found.append(one)
    return {k: float(np.std([f[k] for f in found])) for k in found[0]}
