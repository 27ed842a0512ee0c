"""The manifest, the golden cases, the example request and the formula fixture of the served model."""
import copy
import hashlib

import numpy as np

from days import CITIES, WEATHER
from graph import weights
from measures import digits, packed
from model import DAYS, FEATURES, steps_of

# (city, last day): ten days that end there
CASES = [("Seattle", "2015-01-10"), ("New York", "2012-12-31"), ("Seattle", "2015-04-03"), ("New York", "2015-07-20"),
         ("Seattle", "2015-08-14"), ("New York", "2015-10-28"), ("Seattle", "2015-11-17"), ("New York", "2014-01-07")]
EXAMPLES = [("Seattle", "2015-12-06"), ("New York", "2015-06-20")]
NOTE = (
    "Ten days x_t of ten features in the manifest's order (flags as 0 or 1, city New York 0, Seattle 1). "
    "f_t = ((sqrt(max(x_t[0], 0)), x_t[1], x_t[2], x_t[3]) - mean) * scale, then x_t[4..9] as they are. "
    "LSTM 1 (64 units) from zero state over t = 1..10, with W1 [1, 4*64, 10], R1 [1, 4*64, 64], B1 [1, 8*64] in ONNX's gate order "
    "i, o, f, c; B holds the four input biases, then the four recurrent ones: i, o, f = sigmoid(W x_t + R h_t-1 + Wb + Rb), "
    "c~ = tanh(same), C_t = f*C_t-1 + i*c~, h_t = o*tanh(C_t). LSTM 2 (32 units) the same with W2, R2, B2 over the h_t of LSTM 1. "
    "rain = sigmoid(dense_weight h_10 + dense_bias), with the last h of LSTM 2."
)


def manifest(graph):
    """The manifest as a dict; `graph` is the path of the finished model.onnx."""
    flags = [{"name": k, "categories": ["no", "yes"], "description": f"Whether the day's kind of weather is {k}"} for k in WEATHER]
    return {
        "$schema": "../../manifest.schema.json",
        "formatVersion": 1,
        "description": "Rain tomorrow in Seattle or New York from ten days: LSTM(64) -> LSTM(32) -> Dense(1, sigmoid).",
        "graph": {"file": graph.name, "sha256": hashlib.sha256(graph.read_bytes()).hexdigest()},
        "inputs": [{
            "name": "days", "tensor": "x", "kind": "numeric",
            "time": {"minimum": DAYS, "maximum": DAYS},
            "features": [
                {"name": "precipitation", "unit": "mm", "minimum": 0, "maximum": 1000},
                {"name": "temp_max", "unit": "degC", "minimum": -60, "maximum": 60},
                {"name": "temp_min", "unit": "degC", "minimum": -60, "maximum": 60},
                {"name": "wind", "unit": "m/s", "minimum": 0, "maximum": 100},
                *flags,
                {"name": "city", "categories": CITIES},
            ],
        }],
        "heads": [{"name": "rain", "tensor": "rain", "kind": "binary", "labels": ["dry", "rain"], "threshold": 0.5,
                   "description": "Probability of any precipitation tomorrow"}],
        "limits": {"batchSize": 64, "paddedSteps": 16384},
    }


def history(cities, name, last):
    city = cities[CITIES.index(name)]
    end = [str(d) for d in city.dates].index(last) + 1
    return steps_of(city)[end - DAYS:end]


def step(row, by_name=False):
    """One day as a caller writes it."""
    numbers = [round(float(v), 1) for v in row[:4]]
    assert np.array_equal(np.float32(numbers), row[:4]), "weather.csv has more than one decimal"
    values = [*numbers, *(["no", "yes"][int(v)] for v in row[4:9]), CITIES[int(row[9])]]
    return dict(zip(FEATURES, values)) if by_name else values


def double(model):
    """The same float32 weights, to calculate with in float64."""
    return copy.deepcopy(model).double().eval()


def golden_cases(model, cities):
    model, cases = double(model), []
    for number, case in enumerate(CASES):
        days = history(cities, *case)
        cases.append({"sequence": [step(r, by_name=number == 2) for r in days], "outputs": {"rain": digits(model.predict(days[None]))}})
    return cases


def example_sequences(cities):
    return [[step(r, by_name=True) for r in history(cities, *case)] for case in EXAMPLES]


def formulas(model, cities):
    """What another implementation of the equations needs: (the fixture, its cases)."""
    constants = {"mean": model.mean, "scale": model.scale}
    fixture = {"model": "lstm-stack", "note": NOTE, "arrays": {k: packed(v) for k, v in (constants | weights(model)).items()}}
    cases = []
    for case in CASES[:3]:
        days = history(cities, *case)
        expected = {"rain": float(double(model).predict(days[None])[0])}
        cases.append({"sequence": [digits(r) for r in days], "expected": expected})
    return fixture, cases
