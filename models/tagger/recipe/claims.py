"""The study behind docs/claims.md, tagger part: shared against single nets. Every finished run is written at once, and
runs that the results file already holds are left out. Training stops on the planned epoch; nothing is chosen on test.
Usage: python claims.py --data DIR --results FILE [--groups shared,single-deprel,...] [--seeds 0,1,2]"""
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from data import TASKS, WORD_TASKS, label_lists, load
from train import Corpus, Settings, accuracy, train

SMALL = {"hidden": 32, "widths": (13, 8, 6, 6)}  # five of these are about as large as the shared net
FEW = 500
BESIDE = {"deprel": ("upos", "xpos", "feats"), "upos": ("deprel", "genre")}  # tasks that do not give the rare one away


def few_sentences(count, seed):
    return np.random.default_rng(1000 + seed).choice(count, FEW, replace=False).tolist()


def plan(group, seed, sentences):
    """(name, sentences to train on, Settings) of every run of a group."""
    rare = few_sentences(len(sentences), seed)
    if group == "shared":
        return [("shared", sentences, Settings())]
    kind, _, only = group.partition("-")
    if kind == "single":
        return [(f"single {t}", sentences, Settings(tasks=(t,))) for t in TASKS if only in ("", t)]
    if group == "small":
        return [(f"small {t}", sentences, Settings(tasks=(t,), **SMALL)) for t in TASKS]
    if group == "few":
        alone = [sentences[n] for n in rare]
        runs = []
        for task, others in BESIDE.items():
            runs.append((f"few single {task}", alone, Settings(tasks=(task,), epochs=30, minimum=(1, 2, 2, 2))))
            runs.append((f"few shared {task}", sentences, Settings(tasks=(task, *others), epochs=4, few={task: rare}, repeat=3)))
        return runs
    if group == "conflict":
        return [("genre weight 1", sentences, Settings(genre_weight=1.0)),
                ("no genre", sentences, Settings(tasks=tuple(WORD_TASKS)))]
    if group == "trunk":
        return [("shared, trunk 64", sentences, Settings(hidden=64)),
                *((f"single {t}, trunk 64", sentences, Settings(tasks=(t,), hidden=64)) for t in ("deprel", "upos"))]
    raise SystemExit(f"no group {group}")


def read(path):
    return json.loads(path.read_text()) if path.exists() else {"data": "UD English EWT 2.15, gold tokens", "runs": []}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--groups", default="shared,single,small,few,conflict,trunk")
    parser.add_argument("--seeds", default="0,1,2")
    args = parser.parse_args()
    torch.set_num_threads(1)
    sets = {split: load(args.data, split) for split in ("train", "dev", "test")}
    labels = label_lists(sets["train"])
    for seed in map(int, args.seeds.split(",")):
        for group in args.groups.split(","):
            for name, sentences, settings in plan(group, seed, sets["train"]):
                if any(r["name"] == name and r["seed"] == seed for r in read(args.results)["runs"]):
                    continue
                model, vocabulary, seconds = train(sentences, labels, seed, settings, say=None)
                kept = {t: labels[t] for t in settings.tasks}
                found = {s: accuracy(model, Corpus(sets[s], vocabulary, kept)) for s in ("dev", "test")}
                results = read(args.results)  # again: another process may have written meanwhile
                results["runs"].append({
                    "name": name, "seed": seed, "epochs": settings.epochs, "cpu_seconds": round(seconds, 1),
                    "parameters": sum(p.numel() for p in model.parameters()),
                    **{s: {t: round(v, 3) for t, v in scores.items()} for s, scores in found.items()},
                })
                results["runs"].sort(key=lambda r: (r["name"], r["seed"]))
                partial = args.results.with_suffix(".part")
                partial.write_text(json.dumps(results, indent=1) + "\n")
                partial.replace(args.results)
                print(name, seed, round(seconds), found["test"], flush=True)


if __name__ == "__main__":
    main()
