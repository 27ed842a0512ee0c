"""The daily weather of two cities as arrays: what a caller sends (`steps`), what is asked (`targets`), and the three
splits. A history ends today; its targets are the values of tomorrow, and the split is chosen by tomorrow's date."""
import csv
import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CITIES = ["New York", "Seattle"]
TASKS = ["rain", "weather", "temp_max", "temp_min", "wind"]
WEATHER = ["drizzle", "fog", "rain", "snow", "sun"]
FEATURES = ["precipitation", "temp_max", "temp_min", "wind", "weather", "day_of_year", "city"]
SPLITS = {
    "train": (dt.date(2012, 1, 1), dt.date(2014, 6, 30)),
    "validation": (dt.date(2014, 7, 1), dt.date(2014, 12, 31)),
    "test": (dt.date(2015, 1, 1), dt.date(2015, 12, 31)),
}
FIRST_TARGET = 14  # every history length is judged on the same days: those with at least 14 days before them


@dataclass
class City:
    """One city's days in order. `steps` [day, feature] are the raw features, all as float32."""

    name: str
    dates: list
    steps: np.ndarray

    def targets(self, days):
        """The five answers for the given day numbers."""
        s = self.steps[days]
        return {
            "rain": (s[:, 0] > 0).astype(np.float32),
            "weather": s[:, 4].astype(np.int64),
            "temp_max": s[:, 1],
            "temp_min": s[:, 2],
            "wind": s[:, 3],
        }


def load(folder):
    """Reads weather.csv; one City for each name in CITIES, checked to be free of gaps."""
    rows = {name: [] for name in CITIES}
    with open(Path(folder) / "weather.csv", newline="") as f:
        for r in csv.DictReader(f):
            rows[r["location"]].append(r)
    cities = []
    for index, name in enumerate(CITIES):
        dates = [dt.date.fromisoformat(r["date"]) for r in rows[name]]
        if any(b - a != dt.timedelta(1) for a, b in zip(dates, dates[1:])):
            raise ValueError(f"{name}: the days of weather.csv are not consecutive")
        steps = [
            [float(r["precipitation"]), float(r["temp_max"]), float(r["temp_min"]), float(r["wind"]),
             WEATHER.index(r["weather"]), d.timetuple().tm_yday, index]
            for r, d in zip(rows[name], dates)
        ]
        cities.append(City(name, dates, np.array(steps, np.float32)))
    return cities


def target_days(city, split):
    """The day numbers of a split that are asked for."""
    first, last = SPLITS[split]
    return [i for i, d in enumerate(city.dates) if first <= d <= last and i >= FIRST_TARGET]


def windows(cities, split, length):
    """Histories of up to `length` days before each target day of a split.
    Returns x [n, length, 7] padded with zeros at the end, lengths [n], and the targets by head."""
    xs, lengths, targets = [], [], []
    for city in cities:
        days = target_days(city, split)
        for day in days:
            history = city.steps[max(0, day - length):day]
            lengths.append(len(history))
            xs.append(np.pad(history, ((0, length - len(history)), (0, 0))))
        targets.append(city.targets(days))
    joined = {k: np.concatenate([t[k] for t in targets]) for k in targets[0]}
    return np.stack(xs), np.array(lengths, np.int64), joined
