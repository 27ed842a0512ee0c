"""What the ways to balance, and the trunks, cost in training: CPU seconds of a thousand updates on one thread, the median over turns
in which every net does a few updates on the same batches.
Usage: python cost.py --data DIR --results FILE [--turns 7] [--updates 12]"""
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.append(str(Path(__file__).parents[3] / "recipes"))  # what recipes share

import argparse
import json
import time
from statistics import median

import numpy as np
import torch

from beside import Learner
from claims import RECURRENCES
from data import TASKS, label_lists, load
from model import TABLES
from train import Corpus, Settings, balance, losses, seeded
from words import Vocabulary

NETS = {"fixed weights": {}, **{w: {"balance": w} for w in ("sum", "uncertainty", "gradnorm", "pcgrad", "famo")},
        "branch for genre": {"branch": 48, "balance": "sum"}, "cross-stitch": {"hidden": 96, "stitch": 96, "balance": "sum"},
        "gru trunk": {"trunk": "gru", "hidden": 150}, **{f"{k} trunk": {"trunk": k, **more} for k, more in RECURRENCES.items()}}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--updates", type=int, default=12)
    args = parser.parse_args()
    torch.set_num_threads(1)
    sentences = load(args.data, "train")
    labels, vocabulary = label_lists(sentences), Vocabulary([s.words for s in sentences], TABLES, Settings().minimum)
    corpus = Corpus(sentences, vocabulary, labels)
    hide = 0.25 / (0.25 + torch.tensor(vocabulary.word_counts, dtype=torch.float32))
    learners = {}
    for name, more in NETS.items():
        settings = Settings(**more)
        model = seeded(0, vocabulary, labels, settings)
        learners[name] = Learner(model, lambda model, *batch: losses(model, TASKS, *batch), balance(settings, model), hide, 3e-3)
    spent = {name: [] for name in NETS}
    batches = corpus.batches(32, (), 1, [np.random.default_rng(0)])
    for turn in range(args.turns + 1):  # the first turn is not counted
        for name, learner in learners.items():
            start = time.process_time()
            for (ids, marks, answers, _), (rows,) in batches[turn * args.updates:(turn + 1) * args.updates]:
                learner.update(ids[rows], marks[rows], *(answers[t][rows] for t in TASKS))
            spent[name].append(1000 * (time.process_time() - start) / args.updates)
    found = {}
    for name, times in spent.items():
        against = [own / base for own, base in zip(times[1:], spent["fixed weights"][1:])]
        found[name] = {"cpu_seconds_of_1000_updates": round(median(times[1:]), 1), "times_fixed_weights": round(median(against), 2)}
        print(name, found[name], flush=True)
    args.results.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
