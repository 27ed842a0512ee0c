"""What a model must beat: persistence, climatology, and linear models (logistic and ridge) on the same features.
Regularisation, and nothing else, is chosen on validation; the test year is only read to measure."""
import numpy as np
import torch

from data import FEATURES, WEATHER, target_days, windows
from scores import REGRESSIONS, scores

DAY = FEATURES.index("day_of_year")


def persistence(cities, split):
    """Tomorrow is like today."""
    x, _, targets = windows(cities, split, 1)
    today = x[:, -1]
    return {
        "rain": (today[:, 0] > 0).astype(np.float64),
        "weather": np.eye(len(WEATHER))[today[:, 4].astype(int)],
        "temp_max": today[:, 1], "temp_min": today[:, 2], "wind": today[:, 3],
    }, targets


def climatology(cities, split, days=15):
    """The mean of the training days of the same city within `days` days of tomorrow's day of the year."""
    rows, targets = [], []
    for city in cities:
        known = [i for i, d in enumerate(city.dates) if i < target_days(city, "validation")[0]]
        past, seasons = city.targets(known), city.steps[known, DAY]
        asked = target_days(city, split)
        targets.append(city.targets(asked))
        for day in asked:
            gap = np.abs(seasons - city.steps[day, DAY])
            near = np.minimum(gap, 366 - gap) <= days
            row = {k: v[near].mean() for k, v in past.items() if k != "weather"}
            row["weather"] = np.eye(len(WEATHER))[past["weather"][near]].mean(0)
            rows.append(row)
    answers = {k: np.array([r[k] for r in rows]) for k in rows[0]}
    return answers, {k: np.concatenate([t[k] for t in targets]) for k in targets[0]}


def flat_features(x):
    """Raw days [n, time, 7] to the model's own features, flattened; what never changes is kept once."""
    rain = x[..., 0:1]
    daily = np.concatenate([np.sqrt(rain), rain > 0, x[..., 1:4], np.eye(len(WEATHER))[x[..., 4].astype(int)]], -1)
    angle = x[:, -1, DAY] * (2 * np.pi / 365.25)
    last = np.stack([np.sin(angle), np.cos(angle), x[:, -1, 6]], 1)
    return np.concatenate([daily.reshape(len(x), -1), last], 1)


def fit_softmax(x, y, classes, penalty):
    """Multinomial logistic regression by L-BFGS in float64; the bias is not penalised."""
    x, y = torch.tensor(x), torch.tensor(y.astype(np.int64))
    w = torch.zeros(x.shape[1], classes, dtype=torch.float64, requires_grad=True)
    b = torch.zeros(classes, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([w, b], max_iter=200, line_search_fn="strong_wolfe")

    def loss():
        optimiser.zero_grad()
        value = torch.nn.functional.cross_entropy(x @ w + b, y) + penalty / len(x) * (w ** 2).sum() / 2
        value.backward()
        return value

    optimiser.step(loss)
    w, b = w.detach(), b.detach()
    return lambda q: torch.softmax(torch.tensor(q) @ w + b, 1).numpy()


def fit_ridge(x, y, penalty):
    """Ridge regression in closed form on centred targets; x has zero mean."""
    mean = y.mean()
    w = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ (y - mean))
    return lambda q: q @ w + mean


def fit_median(x, y, penalty):
    """Linear regression for the median (least absolute error), by reweighted least squares."""
    x1 = np.concatenate([x, np.ones((len(x), 1))], 1)
    ridge = penalty * np.eye(x1.shape[1])
    ridge[-1, -1] = 0
    weights = np.ones(len(x))
    for _ in range(100):
        w = np.linalg.solve((x1 * weights[:, None]).T @ x1 + ridge, (x1 * weights[:, None]).T @ y)
        weights = 1 / np.maximum(np.abs(y - x1 @ w), 1e-3)
    return lambda q: q @ w[:-1] + w[-1]


def linear(cities, length, fit_number=fit_ridge, penalties=(1, 3, 10, 30, 100, 300, 1000)):
    """One linear model a head on the last `length` days. Returns answer(split) -> (answers, targets)."""
    raw, _, train = windows(cities, "train", length)
    x = flat_features(raw.astype(np.float64))
    mean, sd = x.mean(0), x.std(0) + 1e-9

    def design(split):
        q, _, targets = windows(cities, split, length)
        return (flat_features(q.astype(np.float64)) - mean) / sd, targets

    x, (check, wanted) = (x - mean) / sd, design("validation")

    def best(fit, error):
        return min((fit(p) for p in penalties), key=lambda model: error(model(check)))

    def log_loss(head):
        return lambda p: -np.log(p[np.arange(len(p)), wanted[head].astype(int)]).mean()

    models = {
        "rain": best(lambda p: fit_softmax(x, train["rain"], 2, p), log_loss("rain")),
        "weather": best(lambda p: fit_softmax(x, train["weather"], len(WEATHER), p), log_loss("weather")),
    }
    for head in REGRESSIONS:
        y = train[head].astype(np.float64)
        models[head] = best(lambda p: fit_number(x, y, p), lambda a: np.abs(a - wanted[head]).mean())  # noqa: B023

    def answer(split):
        q, targets = design(split)
        answers = {head: model(q) for head, model in models.items()}
        answers["rain"] = answers["rain"][:, 1]
        return answers, targets

    return answer


def all_baselines(cities):
    """Name -> answer(split)."""
    return {
        "persistence": lambda split: persistence(cities, split),
        "climatology": lambda split: climatology(cities, split),
        "linear, last day": linear(cities, 1),
        "linear, 14 days": linear(cities, 14),
        "linear for the median, last day": linear(cities, 1, fit_median),
    }


if __name__ == "__main__":
    from pathlib import Path

    from data import load

    torch.set_num_threads(1)
    for name, answer in all_baselines(load(Path(__file__).parent)).items():
        for split in ("validation", "test"):
            print(name, split, {k: round(v, 3) for k, v in scores(*answer(split)).items()})
