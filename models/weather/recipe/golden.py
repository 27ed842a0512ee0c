"""Golden cases: real histories as a caller sends them, with what PyTorch answers in float32; and the example request."""
import numpy as np
import torch

from data import CITIES, FEATURES, WEATHER

# (length, city, last day of the history)
CASES = [
    (1, "Seattle", "2015-01-10"), (1, "New York", "2012-12-31"), (2, "New York", "2015-02-15"),
    (3, "Seattle", "2015-04-03"), (5, "New York", "2015-07-20"), (7, "Seattle", "2015-08-14"),
    (10, "New York", "2015-10-28"), (14, "Seattle", "2015-11-17"), (14, "New York", "2014-01-07"),
    (30, "New York", "2015-06-01"), (64, "Seattle", "2015-03-05"), (200, "New York", "2015-09-30"),
    (365, "Seattle", "2015-12-30"), (365, "New York", "2015-12-30"),
]
WITH_STATE = {1, 10, 64, 365}  # lengths whose cases list hn and cn too
EXAMPLES = [(10, "Seattle", "2015-12-06"), (7, "New York", "2015-06-20")]


def history(cities, length, name, last):
    """The `length` days of a city that end on the date `last`: [length, 7]."""
    city = cities[CITIES.index(name)]
    end = [str(d) for d in city.dates].index(last) + 1
    return city.steps[end - length:end]


def step(row, by_name=False):
    """One raw day as a caller writes it: units as numbers, categories as labels."""
    numbers = [round(float(v), 1) for v in row[:4]]
    assert np.array_equal(np.float32(numbers), row[:4]), "weather.csv has more than one decimal"
    values = [*numbers, WEATHER[int(row[4])], int(row[5]), CITIES[int(row[6])]]
    return dict(zip(FEATURES, values)) if by_name else values


@torch.no_grad()
def answer(model, days):
    """Every graph output of one history alone from a fresh state, as float32 arrays."""
    found = model.eval()(torch.from_numpy(days[None]), torch.tensor([len(days)]), model.fresh(1))
    return {k: v.numpy().ravel() for k, v in zip([*model.outputs, "hn", "cn"], found)}


def golden_cases(model, cities, chosen=CASES):
    cases = []
    for number, (length, city, last) in enumerate(chosen):
        days = history(cities, length, city, last)
        outputs = {
            k: [float(f"{v:.9g}") for v in values]
            for k, values in answer(model, days).items()
            if k not in ("hn", "cn") or length in WITH_STATE
        }
        cases.append({"sequence": [step(row, by_name=number == 3) for row in days], "outputs": outputs})
    return cases


def example_sequences(cities):
    return [[step(row, by_name=True) for row in history(cities, *case)] for case in EXAMPLES]
