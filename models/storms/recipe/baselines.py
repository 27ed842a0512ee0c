"""What a model must beat: persistence (nothing changes, the storm moves on as in the last six hours), and linear models on
the last three fixes. Regularisation, and nothing else, is chosen on validation."""
import numpy as np
import torch

from data import CLASS_OF, CLASSES, NUMBERS, STATUSES, flat
from scores import distance

N = len(NUMBERS)
KM = 111.2  # of one degree of latitude


def last_fixes(storms, count=3):
    """Per labelled fix: its raw step, and the changes over the `count - 1` six-hour intervals before it (zero at a start)."""
    steps, changes = [], []
    for s in storms:
        d = np.zeros((len(s.steps), count - 1, N))
        for back in range(count - 1):
            d[back + 1:, back] = np.diff(s.steps[:, :N].astype(np.float64), axis=0)[:len(s.steps) - 1 - back]
        steps.append(s.steps[s.known].astype(np.float64))
        changes.append(d[s.known])
    return np.concatenate(steps), np.concatenate(changes)


def named(numbers, status, rapid=None):
    answers = {"status": status, **dict(zip(NUMBERS, numbers.T))}
    return answers if rapid is None else answers | {"intensification": rapid}


def persistence(splits, split):
    """Status, wind and pressure stay; the storm keeps its last motion. It has no opinion on intensification."""
    steps, changes = last_fixes(splits[split], 2)
    numbers = steps[:, :N].copy()
    numbers[:, :2] += 4 * changes[:, 0, :2]
    return named(numbers, np.eye(len(CLASSES))[classes(steps)])


def classes(steps):
    return np.array([CLASS_OF[STATUSES[int(s)]] for s in steps[:, N]])


def design(storms):
    steps, changes = last_fixes(storms)
    angle = steps[:, N + 1] * (2 * np.pi / 365.25)
    return np.concatenate([
        steps[:, :N], steps[:, :2] ** 2, changes.reshape(len(steps), -1), (changes != 0).any(2),
        np.eye(len(CLASSES))[classes(steps)], np.stack([np.sin(angle), np.cos(angle)], 1),
    ], 1)


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
    """Ridge regression in closed form, for all columns of y at once; x has zero mean."""
    mean = y.mean(0)
    w = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ (y - mean))
    return lambda q: q @ w + mean


def fit_absolute(x, y, penalty, scale=None):
    """Linear regression for the least mean distance |y - a|, over all columns of y together, each in units of its `scale` (one value for
    each row and column; ones): reweighted least squares. With one column that is the least absolute error."""
    scale = np.ones_like(y) if scale is None else scale
    x1 = np.concatenate([x, np.ones((len(x), 1))], 1)
    ridge = penalty * np.eye(x1.shape[1])
    ridge[-1, -1] = 0
    weights = np.ones(len(x))
    for _ in range(50):
        each = [weights * s ** 2 for s in scale.T]
        w = np.stack([np.linalg.solve((x1 * e[:, None]).T @ x1 + ridge, (x1 * e[:, None]).T @ c) for e, c in zip(each, y.T)], 1)
        weights = 1 / np.maximum(np.linalg.norm((y - x1 @ w) * scale, axis=1), 1e-2)
    return lambda q: q @ w[:-1] + w[-1]


def linear(splits, absolute=False, penalties=(1, 10, 100, 1000)):
    """Returns answer(split) of linear models on the last three fixes; the numbers by least squares, or by what they are judged by: the
    least absolute error, and for the track the least distance."""
    x = design(splits["train"])
    mean, sd = x.mean(0), x.std(0) + 1e-9
    asked = {s: (design(splits[s]) - mean) / sd for s in splits}
    now = {s: last_fixes(splits[s])[0][:, :N] for s in splits}
    y = {s: flat(splits[s]) for s in splits}
    x, check, wanted = asked["train"], asked["validation"], y["validation"]

    def best(fitted, error):
        return min((fitted(p) for p in penalties), key=lambda model: error(model(check)))

    def log_loss(head):
        return lambda p: -np.log(p[np.arange(len(p)), wanted[head].astype(int)]).mean()

    def number_error(columns):
        def error(found):
            off = np.abs(now["validation"][:, columns] + found - wanted["numbers"][:, columns])
            return off.mean()
        return error

    def track_error(found):
        place = now["validation"][:, :2] + found
        return distance(*place.T, *wanted["numbers"][:, :2].T).mean()

    change = y["train"]["numbers"] - now["train"]
    ways = np.stack([np.ones(len(x)), np.cos(np.radians(y["train"]["numbers"][:, 0]))], 1) * KM  # km of a degree north and east
    fit, fit_track = (fit_absolute, lambda x, y, p: fit_absolute(x, y, p * KM, ways)) if absolute else (fit_ridge, fit_ridge)
    models = {
        "status": best(lambda p: fit_softmax(x, y["train"]["status"], len(CLASSES), p), log_loss("status")),
        "rapid": best(lambda p: fit_softmax(x, y["train"]["rapid"], 2, p), log_loss("rapid")),
        "track": best(lambda p: fit_track(x, change[:, :2], p), track_error),
        "wind": best(lambda p: fit(x, change[:, 2:3], p), number_error([2])),
        "pressure": best(lambda p: fit(x, change[:, 3:4], p), number_error([3])),
    }

    def answer(split):
        q = asked[split]
        numbers = now[split] + np.concatenate([models[k](q) for k in ("track", "wind", "pressure")], 1)
        return named(numbers, models["status"](q), models["rapid"](q)[:, 1])

    return answer


def all_baselines(splits):
    """Name -> answer(split)."""
    return {"persistence": lambda split: persistence(splits, split), "linear, last three fixes": linear(splits),
            "linear, for the least absolute error": linear(splits, absolute=True)}


if __name__ == "__main__":
    from pathlib import Path

    from data import load
    from scores import scores

    torch.set_num_threads(1)
    splits = load(Path(__file__).parent)
    for name, answer in all_baselines(splits).items():
        for split in ("validation", "test"):
            print(name, split, {k: round(v, 4) for k, v in scores(answer(split), flat(splits[split])).items()}, flush=True)
