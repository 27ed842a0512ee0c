"""The daily weather of two cities as arrays, and the three splits. A history ends today; what is asked is of tomorrow, and
the split is chosen by tomorrow's date. The data lies with the weather model: see models/weather/recipe/DATA.md."""
import csv
import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CITIES = ["New York", "Seattle"]
WEATHER = ["drizzle", "fog", "rain", "snow", "sun"]
SPLITS = {
    "train": (dt.date(2012, 1, 1), dt.date(2014, 6, 30)),
    "validation": (dt.date(2014, 7, 1), dt.date(2014, 12, 31)),
    "test": (dt.date(2015, 1, 1), dt.date(2015, 12, 31)),
}
FIRST_TARGET = 14  # every model and baseline is judged on the same days: those with at least 14 days before them
DATA = Path(__file__).parents[1] / "models" / "weather" / "recipe"


@dataclass
class City:
    """One city's days in order: `numbers` [day, 4] are precipitation (mm), temp_max, temp_min (deg C) and wind (m/s);
    `kind` [day] counts in WEATHER; `season` [day] is the day of the year."""

    name: str
    dates: list
    numbers: np.ndarray
    kind: np.ndarray
    season: np.ndarray

    @property
    def rain(self):
        return (self.numbers[:, 0] > 0).astype(np.float32)


def load(folder):
    """Reads weather.csv; one City for each name in CITIES, checked to be free of gaps."""
    rows = {name: [] for name in CITIES}
    with open(Path(folder) / "weather.csv", newline="") as f:
        for r in csv.DictReader(f):
            rows[r["location"]].append(r)
    cities = []
    for name in CITIES:
        dates = [dt.date.fromisoformat(r["date"]) for r in rows[name]]
        if any(b - a != dt.timedelta(1) for a, b in zip(dates, dates[1:])):
            raise ValueError(f"{name}: the days of weather.csv are not consecutive")
        numbers = [[float(r[k]) for k in ("precipitation", "temp_max", "temp_min", "wind")] for r in rows[name]]
        kind = np.array([WEATHER.index(r["weather"]) for r in rows[name]])
        season = np.array([d.timetuple().tm_yday for d in dates])
        cities.append(City(name, dates, np.array(numbers, np.float32), kind, season))
    return cities


def target_days(city, split):
    """The day numbers of a split that are asked for."""
    first, last = SPLITS[split]
    return np.array([i for i, d in enumerate(city.dates) if first <= d <= last and i >= FIRST_TARGET])


def training_days(city):
    """The number of days up to the end of the training split."""
    return target_days(city, "train")[-1] + 1


def climatology(city, values, split, days=15):
    """The mean of the training days' `values` within `days` days of each target day's day of the year."""
    known = training_days(city)
    out = []
    for day in target_days(city, split):
        gap = np.abs(city.season[:known] - city.season[day])
        out.append(values[:known][np.minimum(gap, 366 - gap) <= days].mean())
    return np.array(out)
