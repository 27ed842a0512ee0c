"""What an answer costs in onnxruntime on one thread: the shared net, the same with a branch for genre, five nets of the same width,
five small ones that are together as large as it, and reading the letters of the words alone. Untrained weights, which cost what
trained ones do; dev sentences, alone and by 32 of like length. All sides meet each batch in turn, and what counts is CPU time, which
hardly sees what else the machine does.
Usage: python claims_serving.py --data DIR --results FILE [--turns 15]"""
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.append(str(Path(__file__).parents[3] / "recipes"))  # what recipes share

import argparse
import json
import tempfile
import time
from statistics import mean, median, quantiles

from check import feeds
from claims import BRANCH, SMALL
from data import TASKS, label_lists, load
from export import export, stored_weights
from model import TABLES
from train import Settings, seeded
from word_check import session, strings_alone
from words import Vocabulary

SENTENCES, BATCHES, LETTERS = 320, (1, 32), "letters alone"
SIDES = {"shared": [{}], "with a branch": [BRANCH], "five own": [{"tasks": (t,)} for t in TASKS], "five small": [{"tasks": (t,), **SMALL} for t in TASKS]}


def graphs(side, vocabulary, labels, folder):
    found, size = [], 0
    for number, more in enumerate(SIDES[side]):
        model, path = seeded(0, vocabulary, labels, Settings(**more)), Path(folder) / f"{side} {number}.onnx"
        stored_weights(model)
        export(model, vocabulary, path)
        found.append(session(str(path)))
        size += path.stat().st_size
    return found, size


def seconds(nets, inputs):
    start = time.process_time()
    for net in nets:
        net.run(None, inputs)
    return time.process_time() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--turns", type=int, default=15)
    args = parser.parse_args()
    train = load(args.data, "train")
    labels, vocabulary = label_lists(train), Vocabulary([s.words for s in train], TABLES, Settings().minimum)
    sentences = sorted((s.words for s in load(args.data, "dev")[:SENTENCES]), key=len)
    found = {"turns": args.turns, "sentences": len(sentences), "words a sentence": round(mean(map(len, sentences)), 1)}
    with tempfile.TemporaryDirectory() as folder:
        sides = {side: graphs(side, vocabulary, labels, folder) for side in SIDES}
    letters = strings_alone(vocabulary)
    sides[LETTERS] = [session(letters)], len(letters)
    for batch in BATCHES:
        times = {side: [] for side in sides}
        for _ in range(args.turns + 1):  # the first turn is not counted
            turn = dict.fromkeys(sides, 0.0)
            for place in range(0, len(sentences), batch):
                inputs = feeds(sentences[place:place + batch])
                for side, (nets, _) in sides.items():
                    turn[side] += seconds(nets, inputs if side != LETTERS else {"tokens": inputs["tokens"]})
            for side, spent in turn.items():
                times[side].append(1e6 * spent / len(sentences))
        for side, (_, size) in sides.items():
            low, middle, high = quantiles((own / base for own, base in zip(times[side][1:], times["shared"][1:])), n=4)
            figures = {"cpu_us_a_sentence": round(median(times[side][1:]), 1), "times_shared": round(middle, 2),
                       "middle_half": [round(low, 2), round(high, 2)], "bytes": size}
            found[f"{side}, batches of {batch}"] = figures
            print(f"{side}, batches of {batch}", figures, flush=True)
    args.results.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
