"""Checks of the finished graph in onnxruntime: against PyTorch in float64, alone against ragged padded batches, and that
neither city's answer depends on the other's days."""
import json

import numpy as np
import onnxruntime as ort

from files import answers
from measures import difference
from model import INPUTS, OUTPUTS, steps_of
from train import by_input


def run(session, sequences):
    """One run over sequences {input: [length, 5]} of any lengths, each input padded with zeros at the end: {output: [n]}."""
    feeds = {}
    for k in INPUTS:
        lengths = np.array([len(s[k]) for s in sequences], np.int64)
        feeds[k] = np.stack([np.pad(s[k], ((0, lengths.max() - len(s[k])), (0, 0))) for s in sequences])
        feeds[f"{k}_lengths"] = lengths
    return {k: v[:, 0] for k, v in zip(OUTPUTS, session.run(OUTPUTS, feeds))}


def check(path, model64, cities, rounds=60):
    """Returns the worst difference to PyTorch; raises if an answer depends on anything but its own city's days."""
    rng = np.random.default_rng(0)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    steps = {k: steps_of(c) for k, c in by_input(cities).items()}

    def stretch(k):
        length = int(rng.choice([1, 2, 3, 5, 7, 14, 30, 90, 365], p=[.1, .1, .1, .1, .2, .2, .1, .05, .05]))
        first = rng.integers(0, len(steps[k]) - length)
        return steps[k][first:first + length]

    pool = [{k: stretch(k) for k in INPUTS} for _ in range(200)]
    alone = [run(session, [s]) for s in pool]
    worst = 0.0
    for sequence, mine in zip(pool, alone):
        worst = max(worst, difference(mine, answers(model64, sequence)))
        value = mine["new_york_temp_max"]
        assert mine["new_york_temp_max_lower"] <= value <= mine["new_york_temp_max_upper"], "bounds out of order"
        other = run(session, [{**sequence, "new_york": stretch("new_york")}])
        assert other["seattle_rain"] == mine["seattle_rain"], "Seattle's answer depends on New York"
        other = run(session, [{**sequence, "seattle": stretch("seattle")}])
        assert other["new_york_temp_max"] == value, "New York's answer depends on Seattle"
    for _ in range(rounds):
        pick = rng.integers(0, len(pool), rng.choice([2, 3, 7, 16, 33, 64]))
        together = run(session, [pool[i] for i in pick])
        for place, i in enumerate(pick):
            for k in OUTPUTS:
                assert together[k][place] == alone[i][k][0], f"{k} depends on its batch"
    return worst


def check_golden(path, golden):
    """The worst difference of the graph to the golden file as written, each case read back from JSON."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for case in json.loads(golden.read_text())["cases"]:
        days = {k: np.array([list(s.values()) if isinstance(s, dict) else s for s in v], np.float32) for k, v in case["sequence"].items()}
        worst = max(worst, difference(run(session, [days]), {k: np.array(v) for k, v in case["outputs"].items()}))
    return worst
