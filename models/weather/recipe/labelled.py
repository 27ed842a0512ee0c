"""Writes a split of the days as JSON Lines with known answers, for `polyhead calibrate`: python labelled.py SPLIT DAYS > FILE."""
import json
import sys
from pathlib import Path

from data import CITIES, FIRST_TARGET, SPLITS, WEATHER, load

split, length = sys.argv[1], int(sys.argv[2])
first, last = SPLITS[split]
for city in load(Path(__file__).parent):
    for day in range(max(FIRST_TARGET, length), len(city.dates)):
        if not first <= city.dates[day] <= last:
            continue
        steps = [
            [*(round(float(v), 4) for v in step[:4]), WEATHER[int(step[4])], int(step[5]), CITIES[int(step[6])]]
            for step in city.steps[day - length : day]
        ]
        known = {name: round(float(values[0]), 4) for name, values in city.targets([day]).items()}
        known["rain"] = "rain" if known["rain"] else "dry"
        known["weather"] = WEATHER[int(known["weather"])]
        print(json.dumps({"sequence": steps, "targets": known}))
