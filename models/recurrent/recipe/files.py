"""The manifest, the golden cases, the example request and the formula fixture of the served model."""
import copy
import hashlib

import numpy as np
import torch

from days import CITIES
from graph import weights
from measures import COVERAGE, digits, packed
from model import FEATURES, HEADS, OUTPUTS, steps_of

# (length, city, last day)
CASES = [(1, "Seattle", "2015-01-10"), (3, "New York", "2015-02-15"), (14, "Seattle", "2015-04-03"), (1, "New York", "2012-12-31"),
         (2, "Seattle", "2015-08-14"), (5, "New York", "2015-07-20"), (10, "New York", "2015-10-28"), (30, "Seattle", "2015-11-17"),
         (64, "New York", "2015-09-30"), (200, "Seattle", "2015-12-30")]
EXAMPLES = [(5, "Seattle", "2015-12-06"), (3, "New York", "2015-06-20")]
SAYS = {"temp_max": "Highest temperature of the next day", "temp_min": "Lowest temperature of the next day"}
NOTE = (
    "Days x_t of six features in the manifest's order (city New York 0, Seattle 1). f_t = ((sqrt(max(precipitation, 0)), temp_max, temp_min, "
    "wind) - mean) * scale, then the row `day_of_year` of season [367, 2], which is sqrt(2) * (sin, cos)(day * 2 pi / 365.25), then the city: 7 numbers. "
    "h_t = tanh(W f_t + R h_t-1 + Wb + Rb) from h_0 = 0, with W [1, 32, 7], R [1, 32, 32], B [1, 64] = (Wb, Rb) as the ONNX RNN operator has them. "
    "o_t = W_ho h_t + W_xo f_t + b_o: six numbers v, a, b, each for (temp_max, temp_min). value = v * target_sd + target_mean; "
    "lower = value - exp(a) * target_sd * widen; upper = value + exp(b) * target_sd * widen. Expected values are of every step."
)


def manifest(graph):
    """The manifest as a dict; `graph` is the path of the finished model.onnx."""
    return {
        "$schema": "../../manifest.schema.json",
        "formatVersion": 1,
        "description": "The next day's temperatures after every day: a plain RNN with the direct term from input to output.",
        "graph": {"file": graph.name, "sha256": hashlib.sha256(graph.read_bytes()).hexdigest()},
        "inputs": [{
            "name": "days", "tensor": "x", "kind": "numeric", "lengths": "lengths",
            "time": {"minimum": 1, "maximum": 365},
            "features": [
                {"name": "precipitation", "unit": "mm", "minimum": 0, "maximum": 1000},
                {"name": "temp_max", "unit": "degC", "minimum": -60, "maximum": 60},
                {"name": "temp_min", "unit": "degC", "minimum": -60, "maximum": 60},
                {"name": "wind", "unit": "m/s", "minimum": 0, "maximum": 100},
                {"name": "day_of_year", "integer": True, "minimum": 1, "maximum": 366,
                 "description": "1 is the first of January"},
                {"name": "city", "categories": CITIES},
            ],
        }],
        "heads": [
            {"name": h, "tensor": h, "kind": "regression", "per": "step", "unit": "degC",
             "interval": {"lower": f"{h}_lower", "upper": f"{h}_upper", "coverage": COVERAGE}, "description": SAYS[h]}
            for h in HEADS
        ],
        "state": [{"input": "h0", "output": "hn"}],
        "limits": {"batchSize": 64, "paddedSteps": 16384},
    }


def history(cities, length, name, last):
    city = cities[CITIES.index(name)]
    end = [str(d) for d in city.dates].index(last) + 1
    return steps_of(city)[end - length:end]


def step(row, by_name=False):
    """One day as a caller writes it."""
    numbers = [round(float(v), 1) for v in row[:4]]
    assert np.array_equal(np.float32(numbers), row[:4]), "weather.csv has more than one decimal"
    values = [*numbers, int(row[4]), CITIES[int(row[5])]]
    return dict(zip(FEATURES, values)) if by_name else values


def double(model):
    """The same float32 weights, to calculate with in float64."""
    return copy.deepcopy(model).double().eval()


def answers(model, days):
    return {k: v.numpy().ravel() for k, v in double(model).answers(torch.from_numpy(days[None]).double()).items()}


def golden_cases(model, cities):
    cases = []
    for number, case in enumerate(CASES):
        days = history(cities, *case)
        outputs = {k: digits(v) for k, v in answers(model, days).items()}
        cases.append({"sequence": [step(r, by_name=number == 1) for r in days], "outputs": outputs})
    return cases


def example_sequences(cities):
    return [[step(r, by_name=True) for r in history(cities, *case)] for case in EXAMPLES]


def formulas(model, cities):
    """What another implementation of the equations needs: (the fixture, its cases)."""
    constants = {k: getattr(model, k) for k in ("mean", "scale", "season", "target_mean", "target_sd", "widen")}
    fixture = {"model": "recurrent", "note": NOTE, "arrays": {k: packed(v) for k, v in (constants | weights(model)).items()}}
    cases = []
    for case in CASES[:3]:
        days = history(cities, *case)
        expected = {k: v.tolist() for k, v in answers(model, days).items() if k in OUTPUTS}
        cases.append({"sequence": [digits(r) for r in days], "expected": expected})
    return fixture, cases
