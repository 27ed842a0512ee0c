"""Writes a split of the storms as JSON Lines with known answers, for `polyhead calibrate`: python labelled.py SPLIT > FILE."""
import json
import sys
from pathlib import Path

from data import CLASSES, NUMBERS, STATUSES, load

for storm in load(Path(__file__).parent)[sys.argv[1]]:
    steps = [[*(round(float(v), 4) for v in fix[:4]), STATUSES[int(fix[4])], int(fix[5])] for fix in storm.steps]
    known = {
        "status": [CLASSES[status] for status in storm.status],
        "intensification": ["yes" if rapid else "no" for rapid in storm.rapid],
        **{head: [round(float(v), 4) for v in storm.numbers[:, i]] for i, head in enumerate(NUMBERS)},
    }
    targets = {head: [v if there else None for v, there in zip(values, storm.known)] for head, values in known.items()}
    print(json.dumps({"sequence": steps, "targets": targets}))
