"""Checks of the finished graph in onnxruntime: against PyTorch in float64, alone against ragged padded batches, whole
storms against the same ones fix by fix with the state handed on."""
import json

import numpy as np
import onnxruntime as ort
import torch

from data import NUMBERS, STATUSES
from model import STATES


def run(session, storms, state=None):
    """One run over steps of any lengths, padded with zeros at the end: {output: array}."""
    lengths = np.array([len(s) for s in storms], np.int64)
    x = np.stack([np.pad(s, ((0, lengths.max() - len(s)), (0, 0))) for s in storms])
    state = state or [np.zeros((1, len(x), size), np.float32) for size in STATES.values()]
    names = [o.name for o in session.get_outputs()]
    feeds = {"x": x, "lengths": lengths} | {f"{k}0": v for k, v in zip(STATES, state)}
    return dict(zip(names, session.run(names, feeds)))


def row(outputs, i, length):
    return {k: v[:, i] if k[:-1] in STATES else v[i, :length] for k, v in outputs.items()}


def difference(found, expected):
    """The largest |a - b| / max(1, |b|), as the server measures it."""
    return max(float((np.abs(found[k].ravel() - e) / np.maximum(1, np.abs(e))).max()) for k, e in expected.items())


def check(path, model64, storms, rounds=60):
    """Returns the worst difference to PyTorch; raises if a row depends on its neighbours or on how a storm is cut into
    calls, or if a bound is on the wrong side of its value."""
    rng = np.random.default_rng(0)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    pool = [s.steps for s in storms] + [s.steps[:int(rng.integers(1, 6))] for s in storms]
    alone = [row(run(session, [s]), 0, len(s)) for s in pool]
    worst = 0.0
    for steps, mine in zip(pool, alone):
        answers = model64.answers(torch.from_numpy(steps[None]).double())
        worst = max(worst, difference(mine, {k: v.numpy().ravel() for k, v in answers.items()}))
        for head in NUMBERS:
            ordered = (mine[head + "_lower"] <= mine[head]) & (mine[head] <= mine[head + "_upper"])
            assert ordered.all(), f"{head}: bounds out of order"
    for _ in range(rounds):
        pick = rng.integers(0, len(pool), rng.choice([2, 3, 7, 16, 33, 64]))
        together = run(session, [pool[i] for i in pick])
        for place, i in enumerate(pick):
            for k, v in row(together, place, len(pool[i])).items():
                assert np.array_equal(v, alone[i][k]), f"{k} of a storm of {len(pool[i])} fixes depends on its batch"
    for steps, whole in list(zip(pool, alone))[:40]:
        state = None
        for i in range(len(steps)):
            out = run(session, [steps[i:i + 1]], state)
            state = [out[k + "n"] for k in STATES]
            for k in set(out) - {"hn", "cn", "pn"}:
                assert np.array_equal(out[k][0, 0], whole[k][i]), f"{k}: fix by fix differs from the whole storm"
        assert all(np.array_equal(s[:, 0], whole[k + "n"]) for k, s in zip(STATES, state)), "the kept state differs"
    return worst


def check_golden(path, golden):
    """The worst difference of the graph to the golden file as written, each case read back from JSON."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for case in json.loads(golden.read_text())["cases"]:
        steps = [list(s.values()) if isinstance(s, dict) else s for s in case["sequence"]]
        x = np.array([[*s[:4], STATUSES.index(s[4]), s[5]] for s in steps], np.float32)
        found = row(run(session, [x]), 0, len(x))
        worst = max(worst, difference(found, {k: np.array(v) for k, v in case["outputs"].items()}))
    return worst
