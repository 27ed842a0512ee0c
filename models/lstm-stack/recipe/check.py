"""Checks of the finished graph in onnxruntime: against PyTorch in float64, and alone against batches."""
import json

import numpy as np
import onnxruntime as ort

from days import CITIES
from measures import difference


def check(path, model64, x, rounds=60):
    """`x` [n, 10, 10]. Returns the worst difference to PyTorch; raises if a row depends on its neighbours."""
    rng = np.random.default_rng(0)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(rows):
        return session.run(["rain"], {"x": rows})[0][:, 0]

    alone = np.concatenate([run(row[None]) for row in x])
    for _ in range(rounds):
        pick = rng.integers(0, len(x), rng.choice([2, 3, 7, 16, 33, 64]))
        assert np.array_equal(run(x[pick]), alone[pick]), "an answer depends on its batch"
    return difference({"rain": alone}, {"rain": model64.predict(x)})


def check_golden(path, golden):
    """The worst difference of the graph to the golden file as written, each case read back from JSON."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for case in json.loads(golden.read_text())["cases"]:
        steps = [list(s.values()) if isinstance(s, dict) else s for s in case["sequence"]]
        x = np.array([[*s[:4], *(v == "yes" for v in s[4:9]), CITIES.index(s[9])] for s in steps], np.float32)
        worst = max(worst, difference({"rain": session.run(["rain"], {"x": x[None]})[0]}, {"rain": np.array(case["outputs"]["rain"])}))
    return worst
