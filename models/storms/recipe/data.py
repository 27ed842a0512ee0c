"""Atlantic storms as sequences of six-hourly fixes: what a caller sends (`steps`) and what came 24 hours later (`targets`).
A storm belongs to one split, by the year of its first fix."""
import csv
import datetime as dt
import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np

STATUSES = ["disturbance", "extratropical", "hurricane", "other low", "subtropical depression", "subtropical storm",
            "tropical depression", "tropical storm", "tropical wave"]
CLASSES = ["depression", "storm", "hurricane", "extratropical", "low"]  # what the status head tells apart
CLASS_OF = {"tropical depression": 0, "subtropical depression": 0, "tropical storm": 1, "subtropical storm": 1,
            "hurricane": 2, "extratropical": 3, "other low": 4, "disturbance": 4, "tropical wave": 4}
FEATURES = ["lat", "long", "wind", "pressure", "status", "day_of_year"]
NUMBERS = ["lat", "long", "wind", "pressure"]  # the regressions, and the first four features, in this order
SPLITS = {"train": (1975, 2005), "validation": (2006, 2012), "test": (2013, 2022)}
STEP, AHEAD = dt.timedelta(hours=6), dt.timedelta(hours=24)
RAPID = 20  # knots gained within 24 hours


@dataclass
class Storm:
    """An unbroken run of six-hourly fixes. `steps` [time, 6] float32. Targets are of 24 hours later: `numbers` [time, 4],
    `status` [time], `rapid` [time]; where the storm was no longer followed `known` is false and they mean nothing."""

    name: str
    number: int  # the same for all runs of one storm
    times: list
    steps: np.ndarray
    known: np.ndarray
    numbers: np.ndarray
    status: np.ndarray
    rapid: np.ndarray


def read(folder):
    """Every storm as {time: row of the table}, in order. Fixes between the six-hourly ones (landfalls) are left out."""
    storms, last = [], None
    with gzip.open(Path(folder) / "storms.csv.gz", "rt", newline="") as f:
        for r in csv.DictReader(f):
            time = dt.datetime(*(int(r[k]) for k in ("year", "month", "day", "hour")))
            if last is None or r["name"] != last[0] or abs(time - last[1]) > dt.timedelta(days=20):
                storms.append({})
            last = r["name"], time
            if time.hour % 6 == 0:
                storms[-1].setdefault(time, r)
    return storms


def fix(row, time):
    """One time step as the graph gets it: the status by its number in STATUSES."""
    numbers = [float(row[k]) for k in NUMBERS]
    return [*numbers, STATUSES.index(row["status"]), time.timetuple().tm_yday]


def load(folder):
    """{split: [Storm]}. A storm is cut where a six-hourly fix is missing; targets are found across such cuts."""
    splits = {name: [] for name in SPLITS}
    for number, rows in enumerate(read(folder)):
        times = sorted(rows)
        split = next(s for s, (first, last) in SPLITS.items() if first <= times[0].year <= last)
        starts = [i for i, t in enumerate(times) if i == 0 or t - times[i - 1] != STEP]
        for start, end in zip(starts, [*starts[1:], len(times)]):
            run = times[start:end]
            steps = np.array([fix(rows[t], t) for t in run], np.float32)
            later = [rows.get(t + AHEAD) for t in run]
            known = np.array([r is not None for r in later])
            numbers = np.array([[float((r or rows[t])[k]) for k in NUMBERS] for r, t in zip(later, run)], np.float32)
            status = np.array([CLASS_OF[(r or rows[t])["status"]] for r, t in zip(later, run)])
            rapid = (numbers[:, 2] - steps[:, 2] >= RAPID).astype(np.float32)
            splits[split].append(Storm(rows[times[0]]["name"], number, run, steps, known, numbers, status, rapid))
    return splits


def pad(storms):
    """x [batch, time, 6] with zeros at the end, and the targets alike: {known, numbers, status, rapid}."""
    longest = max(len(s.steps) for s in storms)

    def stack(rows):
        return np.stack([np.pad(r, [(0, longest - len(r))] + [(0, 0)] * (r.ndim - 1)) for r in rows])

    targets = {k: stack([getattr(s, k) for s in storms]) for k in ("known", "numbers", "status", "rapid")}
    return stack([s.steps for s in storms]), targets


def flat(storms):
    """The targets of all labelled fixes one after another, with their storm's `number` for the bootstrap."""
    out = {k: np.concatenate([getattr(s, k)[s.known] for s in storms]) for k in ("numbers", "status", "rapid")}
    out["storm"] = np.concatenate([np.full(s.known.sum(), s.number) for s in storms])
    return out
