"""Measures the perceptron and the kinds of text anew, on the finished graph and without training the net, and writes metrics.json
and the card. Usage: python renew.py --data DIR"""
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.append(str(Path(__file__).parents[3] / "recipes"))  # what recipes share

import argparse
import json

from baselines import PERCEPTRON, perceptron
from card import card
from check import by_genre
from data import WORD_TASKS, label_lists, load

HERE = Path(__file__).parent


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    args = parser.parse_args()
    file, version = HERE / "metrics.json", HERE.parent / "2"
    sets = {split: load(args.data, split) for split in ("train", "test")}
    labels = label_lists(sets["train"])
    metrics = json.loads(file.read_text())
    metrics["test_by_genre"] = by_genre(version / "model.onnx", sets["test"], labels)
    print(metrics["test_by_genre"], flush=True)
    found = metrics["baselines"].setdefault(PERCEPTRON, {})
    for task in WORD_TASKS:
        if task not in found:
            found[task] = perceptron(sets["train"], sets["test"], task)
            print(task, found[task], flush=True)
            file.write_text(json.dumps(metrics, indent=2) + "\n")
    (version / "CARD.md").write_text(card(metrics, json.loads((HERE / "version-1.json").read_text())), encoding="utf-8")


if __name__ == "__main__":
    main()
