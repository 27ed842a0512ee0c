"""Checks of the finished graph in onnxruntime: against PyTorch in float64, alone against ragged padded batches, whole
histories against the same ones in two calls. The runtime's RNN operator adds up in another order at batch 1 than in
batches, so a lone row may differ in its last bits; rows of two batches of 2 or more may not."""
import json

import numpy as np
import onnxruntime as ort
import torch

from days import CITIES
from measures import difference
from model import HEADS, HIDDEN, OUTPUTS, steps_of

LAST_BITS = 1e-5  # in deg C: a float32 near 10 ends at 1e-6, and a sum of 39 products in another order a little above


def run(session, histories, state=None):
    """One run over histories of any lengths, padded with zeros at the end: {output: array}."""
    lengths = np.array([len(h) for h in histories], np.int64)
    x = np.stack([np.pad(h, ((0, lengths.max() - len(h)), (0, 0))) for h in histories])
    h0 = np.zeros((1, len(x), HIDDEN), np.float32) if state is None else state
    names = [o.name for o in session.get_outputs()]
    return dict(zip(names, session.run(names, {"x": x, "lengths": lengths, "h0": h0})))


def row(outputs, i, length):
    return {k: v[:, i] if k == "hn" else v[i, :length] for k, v in outputs.items()}


def check(path, model64, cities, rounds=60):
    """Returns the worst differences to PyTorch and between a row alone and in a batch."""
    rng = np.random.default_rng(0)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    pool = []
    for _ in range(200):
        steps = steps_of(cities[rng.integers(2)])
        length = int(rng.choice([1, 2, 3, 5, 7, 14, 30, 90, 365], p=[.1, .1, .1, .1, .2, .2, .1, .05, .05]))
        first = rng.integers(0, len(steps) - length)
        pool.append(steps[first:first + length])
    pairs = [row(run(session, [h, h]), 0, len(h)) for h in pool]
    worst, alone = 0.0, 0.0
    for h, mine in zip(pool, pairs):
        expected = {k: v.numpy().ravel() for k, v in model64.answers(torch.from_numpy(h[None]).double()).items()}
        worst = max(worst, difference(mine, expected))
        single = row(run(session, [h]), 0, len(h))
        worst = max(worst, difference(single, expected))
        alone = max(alone, difference(single, {k: v.ravel() for k, v in mine.items()}))
        for head in HEADS:
            ordered = (mine[head + "_lower"] <= mine[head]) & (mine[head] <= mine[head + "_upper"])
            assert ordered.all(), f"{head}: bounds out of order"
    assert alone <= LAST_BITS, f"a row alone differs by {alone} from the same in a batch"
    for _ in range(rounds):
        pick = rng.integers(0, len(pool), rng.choice([2, 3, 7, 16, 33, 64]))
        together = run(session, [pool[i] for i in pick])
        for place, i in enumerate(pick):
            for k, v in row(together, place, len(pool[i])).items():
                assert np.array_equal(v, pairs[i][k]), f"{k} of a history of {len(pool[i])} depends on its batch"
    for h, whole in zip(pool, pairs):
        if len(h) > 1:
            cut = int(rng.integers(1, len(h)))
            first = run(session, [h[:cut]] * 2)
            second = row(run(session, [h[cut:]] * 2, first["hn"]), 0, len(h) - cut)
            assert all(np.array_equal(second[k], whole[k][cut:]) for k in OUTPUTS), "a history in two calls differs"
    return worst, alone


def check_golden(path, golden):
    """The worst difference of the graph to the golden file as written, each case read back from JSON."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for case in json.loads(golden.read_text())["cases"]:
        steps = [list(s.values()) if isinstance(s, dict) else s for s in case["sequence"]]
        x = np.array([[*s[:5], CITIES.index(s[5])] for s in steps], np.float32)
        worst = max(worst, difference(row(run(session, [x]), 0, len(x)), {k: np.array(v) for k, v in case["outputs"].items()}))
    return worst
