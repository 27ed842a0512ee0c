"""The manifest and the example request of the served model."""
import hashlib
import json

from data import CITIES, WEATHER
from intervals import COVERAGE

UNITS = {"temp_max": "degC", "temp_min": "degC", "wind": "m/s"}
SAYS = {"temp_max": "Highest temperature of tomorrow", "temp_min": "Lowest temperature of tomorrow",
        "wind": "Wind speed of tomorrow"}


def manifest(graph, state):
    """The manifest as a dict; `graph` is the path of the finished model.onnx, `state` is ["h", "c"] or ["h"]."""
    heads = [
        {"name": "rain", "tensor": "rain", "kind": "binary", "labels": ["dry", "rain"], "threshold": 0.5,
         "description": "Probability of any precipitation tomorrow"},
        {"name": "weather", "tensor": "weather", "kind": "multiclass", "labels": WEATHER,
         "description": "Kind of weather tomorrow"},
    ]
    heads += [
        {"name": h, "tensor": h, "kind": "regression", "unit": unit,
         "interval": {"lower": f"{h}_lower", "upper": f"{h}_upper", "coverage": COVERAGE}, "description": SAYS[h]}
        for h, unit in UNITS.items()
    ]
    return {
        "$schema": "../../manifest.schema.json",
        "formatVersion": 1,
        "description": "Tomorrow's rain, kind of weather, temperatures and wind in Seattle or New York, from the days up to today.",
        "graph": {"file": graph.name, "sha256": hashlib.sha256(graph.read_bytes()).hexdigest()},
        "inputs": [{
            "name": "days", "tensor": "x", "kind": "numeric", "lengths": "lengths",
            "time": {"minimum": 1, "maximum": 365},
            "features": [
                {"name": "precipitation", "unit": "mm", "minimum": 0, "maximum": 1000},
                {"name": "temp_max", "unit": "degC", "minimum": -60, "maximum": 60},
                {"name": "temp_min", "unit": "degC", "minimum": -60, "maximum": 60},
                {"name": "wind", "unit": "m/s", "minimum": 0, "maximum": 100},
                {"name": "weather", "categories": WEATHER},
                {"name": "day_of_year", "integer": True, "minimum": 1, "maximum": 366,
                 "description": "1 is the first of January"},
                {"name": "city", "categories": CITIES},
            ],
        }],
        "heads": heads,
        "state": [{"input": f"{s}0", "output": f"{s}n"} for s in state],
        "limits": {"batchSize": 64, "paddedSteps": 16384},
    }


def write_json(path, value, rows=None):
    """Indented JSON; with `rows`, {key: list} whose items each take one line, appended to the value."""
    text = json.dumps(value, indent=2)
    if rows:
        (key, items), = rows.items()
        lines = ",\n    ".join(json.dumps(i) for i in items)
        text = text[:-1].rstrip() + ("," if value else "") + f'\n  "{key}": [\n    {lines}\n  ]\n}}'
    path.write_text(text + "\n")
