"""The manifest, the golden cases, the example request and the formula fixture of the served model."""
import copy
import hashlib

import numpy as np

from graph import weights
from measures import COVERAGE, digits, packed
from model import FEATURES, INPUTS, steps_of
from train import by_input

# ({input: days of history}, last day)
CASES = [({"seattle": 1, "new_york": 1}, "2015-01-10"), ({"seattle": 3, "new_york": 7}, "2015-04-03"),
         ({"seattle": 14, "new_york": 10}, "2015-08-14"), ({"seattle": 1, "new_york": 5}, "2012-12-31"),
         ({"seattle": 20, "new_york": 1}, "2015-02-15"), ({"seattle": 2, "new_york": 2}, "2015-10-28"),
         ({"seattle": 30, "new_york": 64}, "2015-11-17"), ({"seattle": 200, "new_york": 3}, "2015-12-30")]
EXAMPLES = [({"seattle": 5, "new_york": 3}, "2015-12-06"), ({"seattle": 2, "new_york": 4}, "2015-06-20")]
NOTE = (
    "Two inputs of days with five features in the manifest's order, seattle and new_york, each with its own length; every name below bears the input's "
    "name in front (k_). f_t = ((sqrt(max(precipitation, 0)), temp_max, temp_min, wind) - k_mean) * k_scale, then the row `day_of_year` of "
    "season [367, 2], which is sqrt(2) * (sin, cos)(day * 2 pi / 365.25): 6 numbers. LSTM with 16 units from zero state, k_W [1, 64, 6], k_R [1, 64, 16], "
    "k_B [1, 128] in ONNX's gate order i, o, f, c; B holds the four input biases, then the four recurrent ones: i, o, f = sigmoid(W f_t + R h_t-1 + Wb + Rb), "
    "c~ = tanh(same), C_t = f*C_t-1 + i*c~, h_t = o*tanh(C_t). o = k_out_weight h_T + k_out_bias after the last day T of the input. "
    "seattle_rain = sigmoid(o of seattle). (v, a, b) = o of new_york: new_york_temp_max = v * target_sd + target_mean; _lower = value - exp(a) * "
    "target_sd * widen; _upper = value + exp(b) * target_sd * widen."
)


def manifest(graph):
    """The manifest as a dict; `graph` is the path of the finished model.onnx."""
    features = [
        {"name": "precipitation", "unit": "mm", "minimum": 0, "maximum": 1000},
        {"name": "temp_max", "unit": "degC", "minimum": -60, "maximum": 60},
        {"name": "temp_min", "unit": "degC", "minimum": -60, "maximum": 60},
        {"name": "wind", "unit": "m/s", "minimum": 0, "maximum": 100},
        {"name": "day_of_year", "integer": True, "minimum": 1, "maximum": 366, "description": "1 is the first of January"},
    ]
    return {
        "$schema": "../../manifest.schema.json",
        "formatVersion": 1,
        "description": "Rain tomorrow in Seattle and the highest temperature tomorrow in New York, each from its own days.",
        "graph": {"file": graph.name, "sha256": hashlib.sha256(graph.read_bytes()).hexdigest()},
        "inputs": [
            {"name": k, "tensor": k, "kind": "numeric", "lengths": f"{k}_lengths", "time": {"minimum": 1, "maximum": 365}, "features": features}
            for k in ("seattle", "new_york")
        ],
        "heads": [
            {"name": "seattle_rain", "tensor": "seattle_rain", "kind": "binary", "labels": ["dry", "rain"], "threshold": 0.5,
             "description": "Probability of any precipitation in Seattle tomorrow"},
            {"name": "new_york_temp_max", "tensor": "new_york_temp_max", "kind": "regression", "unit": "degC",
             "interval": {"lower": "new_york_temp_max_lower", "upper": "new_york_temp_max_upper", "coverage": COVERAGE},
             "description": "Highest temperature in New York tomorrow"},
        ],
        "limits": {"batchSize": 64, "paddedSteps": 16384},
    }


def histories(cities, lengths, last):
    """{input: [length, 5]}: the days of each city that end on the date `last`."""
    found = {}
    for k, city in by_input(cities).items():
        end = [str(d) for d in city.dates].index(last) + 1
        found[k] = steps_of(city)[end - lengths[k]:end]
    return found


def step(row, by_name=False):
    """One day as a caller writes it."""
    numbers = [round(float(v), 1) for v in row[:4]]
    assert np.array_equal(np.float32(numbers), row[:4]), "weather.csv has more than one decimal"
    values = [*numbers, int(row[4])]
    return dict(zip(FEATURES, values)) if by_name else values


def written(days, by_name=False):
    return {k: [step(r, by_name) for r in days[k]] for k in ("seattle", "new_york")}


def double(model):
    """The same float32 weights, to calculate with in float64."""
    return copy.deepcopy(model).double().eval()


def answers(model64, days):
    """{tensor: [1]} of one sequence."""
    return model64.answers({k: v[None] for k, v in days.items()}, {k: np.array([len(v)]) for k, v in days.items()})


def golden_cases(model, cities):
    model, cases = double(model), []
    for number, case in enumerate(CASES):
        days = histories(cities, *case)
        outputs = {k: digits(v) for k, v in answers(model, days).items()}
        cases.append({"sequence": written(days, by_name=number == 1), "outputs": outputs})
    return cases


def example_sequences(cities):
    return [written(histories(cities, *case), by_name=True) for case in EXAMPLES]


def formulas(model, cities):
    """What another implementation of the equations needs: (the fixture, its cases)."""
    constants = {k: getattr(model, k) for k in ("target_mean", "target_sd", "widen")} | {"season": model.seattle.season}
    for k in INPUTS:
        constants |= {f"{k}_{n}": getattr(getattr(model, k), n) for n in ("mean", "scale")}
    fixture = {"model": "two-cities", "note": NOTE, "arrays": {k: packed(v) for k, v in (constants | weights(model)).items()}}
    cases = []
    for case in CASES[:3]:
        days = histories(cities, *case)
        expected = {k: float(v[0]) for k, v in answers(double(model), days).items()}
        cases.append({"sequence": {k: [digits(r) for r in v] for k, v in days.items()}, "expected": expected})
    return fixture, cases
