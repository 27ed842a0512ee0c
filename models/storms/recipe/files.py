"""The manifest, the golden cases and the example request of the served model."""
import copy
import hashlib
import json

import torch

from data import CLASSES, FEATURES, RAPID, STATUSES
from model import STATES
from scores import COVERAGE

# (storm, year, first fix, fixes): of test storms, as they were
CASES = [("Ian", 2022, 0, 1), ("Dorian", 2019, 10, 1), ("Matthew", 2016, 0, 2), ("Michael", 2018, 4, 3), ("Laura", 2020, 0, 5),
         ("Sam", 2021, 0, 8), ("Harvey", 2017, 20, 13), ("Irma", 2017, 0, 21), ("Fiona", 2022, 0, 40), ("Leslie", 2018, 0, 60)]
WITH_STATE = {1, 8, 60}  # lengths whose cases list hn, cn and pn too
EXAMPLES = [("Michael", 2018, 0, 6), ("Sandy", 2012, 8, 4), ("Teddy", 2020, 0, 3)]
REGRESSIONS = {
    "lat": ("deg", "Latitude in 24 hours, north is positive"), "long": ("deg", "Longitude in 24 hours, east is positive"),
    "wind": ("kt", "Highest sustained wind in 24 hours"), "pressure": ("mb", "Pressure at the centre in 24 hours"),
}


def manifest(graph):
    """The manifest as a dict; `graph` is the path of the finished model.onnx."""
    heads = [
        {"name": "status", "tensor": "status", "kind": "multiclass", "per": "step", "labels": CLASSES,
         "description": "What the storm is in 24 hours; subtropical ones count as depression or storm, waves as low"},
        {"name": "intensification", "tensor": "intensification", "kind": "binary", "per": "step", "labels": ["no", "yes"],
         "threshold": 0.5, "description": f"Probability that the wind in 24 hours is at least {RAPID} kt more than now"},
    ]
    heads += [
        {"name": name, "tensor": name, "kind": "regression", "per": "step", "unit": unit,
         "interval": {"lower": f"{name}_lower", "upper": f"{name}_upper", "coverage": COVERAGE}, "description": text}
        for name, (unit, text) in REGRESSIONS.items()
    ]
    return {
        "$schema": "../../manifest.schema.json",
        "formatVersion": 1,
        "description": "What an Atlantic storm will be in 24 hours, after every six-hourly fix. Not for safety decisions.",
        "graph": {"file": graph.name, "sha256": hashlib.sha256(graph.read_bytes()).hexdigest()},
        "inputs": [{
            "name": "fixes", "tensor": "x", "kind": "numeric", "lengths": "lengths",
            "time": {"minimum": 1, "maximum": 128},
            "features": [
                {"name": "lat", "unit": "deg", "minimum": 0, "maximum": 90, "description": "North is positive"},
                {"name": "long", "unit": "deg", "minimum": -180, "maximum": 60, "description": "East is positive"},
                {"name": "wind", "unit": "kt", "minimum": 0, "maximum": 250},
                {"name": "pressure", "unit": "mb", "minimum": 850, "maximum": 1050},
                {"name": "status", "categories": STATUSES},
                {"name": "day_of_year", "integer": True, "minimum": 1, "maximum": 366,
                 "description": "1 is the first of January"},
            ],
        }],
        "heads": heads,
        "state": [{"input": f"{k}0", "output": f"{k}n"} for k in STATES],
        "limits": {"batchSize": 64, "paddedSteps": 16384},
    }


def find(splits, name, year, first, count):
    """The steps of a stretch of one storm: [count, 6]."""
    runs = [s for split in splits.values() for s in split if s.name == name and s.times[0].year == year]
    steps = max(runs, key=lambda s: len(s.steps)).steps[first:first + count]
    assert len(steps) == count, f"{name} {year} is too short"
    return steps


def step(row, by_name=False):
    """One fix as a caller writes it."""
    lat, long, wind, pressure, status, day = (round(float(v), 1) for v in row)
    values = [lat, long, int(wind), int(pressure), STATUSES[int(status)], int(day)]
    return dict(zip(FEATURES, values)) if by_name else values


def double(model):
    """The same float32 weights, to calculate with in float64."""
    return copy.deepcopy(model).double().eval()


def golden_cases(model, splits):
    """Real stretches of storms and what PyTorch answers to them in float64."""
    model, cases = double(model), []
    for number, case in enumerate(CASES):
        steps = find(splits, *case)
        answers = model.answers(torch.from_numpy(steps[None]).double())
        outputs = {
            k: [float(f"{v:.9g}") for v in values.ravel().tolist()]
            for k, values in answers.items()
            if k not in ("hn", "cn", "pn") or len(steps) in WITH_STATE
        }
        cases.append({"sequence": [step(r, by_name=number == 3) for r in steps], "outputs": outputs})
    return cases


def example_sequences(splits):
    return [[step(r, by_name=True) for r in find(splits, *case)] for case in EXAMPLES]


def write_json(path, value, rows=None):
    """Indented JSON; with `rows`, {key: list} whose items each take one line, appended to the value."""
    text = json.dumps(value, indent=2)
    if rows:
        (key, items), = rows.items()
        lines = ",\n    ".join(json.dumps(i) for i in items)
        text = text[:-1].rstrip() + ("," if value else "") + f'\n  "{key}": [\n    {lines}\n  ]\n}}'
    path.write_text(text + "\n")
