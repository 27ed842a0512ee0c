"""Checks of the exported graph in onnxruntime: against PyTorch, alone against ragged padded batches, and step by step."""
import json

import numpy as np
import onnxruntime as ort

from data import CITIES, FEATURES, WEATHER
from golden import CASES, answer, history


def run(session, histories, state=None):
    """One run over histories of any lengths, padded with zeros at the end: {output: array}."""
    lengths = np.array([len(h) for h in histories], np.int64)
    x = np.stack([np.pad(h, ((0, lengths.max() - len(h)), (0, 0))) for h in histories])
    feeds = {"x": x, "lengths": lengths}
    for i in session.get_inputs():
        if i.name in ("h0", "c0"):
            feeds[i.name] = state[i.name[0] + "n"] if state else np.zeros((1, len(x), i.shape[2]), np.float32)
    names = [o.name for o in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds)))


def row(outputs, i):
    return {k: (v[:, i] if k in ("hn", "cn") else v[i]).ravel() for k, v in outputs.items()}


def check(path, model, cities, rounds=60):
    """Returns the worst absolute difference to PyTorch; raises if any row depends on its neighbours or on the split
    of a history into calls, or if a bound is on the wrong side of its value."""
    rng = np.random.default_rng(0)
    worst = 0.0
    for threads in (1, 2):
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        pool = [history(cities, *case) for case in CASES]
        for _ in range(200):
            city = cities[rng.integers(2)]
            length = int(rng.choice([1, 2, 3, 5, 7, 14, 30, 90, 365], p=[.1, .1, .1, .1, .2, .2, .1, .05, .05]))
            first = rng.integers(0, len(city.steps) - length)
            pool.append(city.steps[first:first + length])
        alone = [row(run(session, [h]), 0) for h in pool]
        for h, mine in zip(pool, alone):
            theirs = answer(model, h)
            worst = max(worst, max(float(np.abs(mine[k] - theirs[k]).max()) for k in mine))
            for head in model.values:
                assert mine[head + "_lower"] <= mine[head] <= mine[head + "_upper"], f"{head}: bounds out of order"
        for _ in range(rounds):
            pick = rng.integers(0, len(pool), rng.choice([2, 3, 7, 16, 33, 64]))
            together = run(session, [pool[i] for i in pick])
            for place, i in enumerate(pick):
                for k, v in row(together, place).items():
                    assert np.array_equal(v, alone[i][k]), f"{k} of a sequence of {len(pool[i])} depends on its batch"
        for h, whole in zip(pool, alone):
            if len(h) > 1:
                cut = int(rng.integers(1, len(h)))
                first = run(session, [h[:cut]])
                second = row(run(session, [h[cut:]], first), 0)
                assert all(np.array_equal(second[k], whole[k]) for k in whole), "a history in two calls differs"
    return worst


def check_golden(path, golden):
    """The worst absolute difference of the graph to the golden file as written, each case read back from JSON."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for case in json.loads(golden.read_text())["cases"]:
        steps = [list(s.values()) if isinstance(s, dict) else s for s in case["sequence"]]
        for s in steps:
            s[4], s[6] = WEATHER.index(s[4]), CITIES.index(s[6])
        found = row(run(session, [np.array(steps, np.float32).reshape(-1, len(FEATURES))]), 0)
        worst = max(worst, *(float(np.abs(found[k] - np.float32(v)).max()) for k, v in case["outputs"].items()))
    return worst
