"""The study behind docs/claims.md, weather part: shared nets against single ones. Every finished run is written at once,
and runs that the results file already holds are left out. The test year is only read to measure.
Usage: python claims.py --results FILE [--data DIR] [--seeds 0,1,2,3,4] [--groups full,small,...]"""
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.append(str(Path(__file__).parents[3] / "recipes"))  # what recipes share

import argparse
import json
import time

import numpy as np
import torch

from data import TASKS, load, target_days, windows
from scores import scores, standard_errors
from train import Settings, train

HERE = Path(__file__).parent
SMALL = 12  # units; five such nets have 6,870 parameters, the shared one of 32 units 6,706
TINY = 4


def some_days(cities, count, seed):
    """`count` random training days, as (city, day)."""
    every = [(i, day) for i, city in enumerate(cities) for day in target_days(city, "train")]
    pick = np.random.default_rng(1000 + seed).choice(len(every), count, replace=False)
    return [every[n] for n in pick]


def plan(group, seed, cities):
    """(name, Settings) of every run of a group."""
    def singles(name, **options):
        return [(f"{name} {t}", Settings(tasks=(t,), balance="equal", **options)) for t in TASKS]

    kind, _, count = group.partition("-")
    days = some_days(cities, int(count), seed) if count else []
    if group == "full":
        return [("shared", Settings()), ("shared, equal weights", Settings(balance="equal")), *singles("single")]
    if group == "recurrence":
        return [(f"{k} trunk", Settings(trunk=k, hidden=h)) for k, h in (("gru", 38), ("mingru", 47), ("minlstm", 37))]
    if group == "small":
        return singles("small single", hidden=SMALL)
    if group == "tiny":
        return [("tiny shared", Settings(hidden=TINY)), *singles("tiny single", hidden=TINY)]
    if kind == "few":
        return [run for t in TASKS for run in (
            (f"{count} labels, single {t}", Settings(tasks=(t,), balance="equal", labelled={t: days})),
            (f"{count} labels, shared {t}", Settings(labelled={t: days})))]
    if kind == "fewequal":  # learned weights favour a task whose few labels are soon fitted; the plain sum does not
        return [(f"{count} labels, shared equally {t}", Settings(balance="equal", labelled={t: days})) for t in TASKS]
    if kind == "every":
        known = dict.fromkeys(TASKS, days)
        return [(f"{count} labels for all, shared", Settings(labelled=known)),
                *((f"{count} labels, single {t}", Settings(tasks=(t,), balance="equal", labelled={t: days})) for t in TASKS)]
    raise SystemExit(f"no group {group}")


def read(path):
    return json.loads(path.read_text()) if path.exists() else {"data": "Seattle and New York, daily; test 2015, histories of 14 days", "runs": []}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--groups", default="full,few-60,few-250,small,tiny,every-60,every-250,fewequal-60,fewequal-250,recurrence")
    parser.add_argument("--seeds", default="0,1,2,3,4")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cities = load(args.data)
    sets = {split: windows(cities, split, 14) for split in ("validation", "test")}
    for group in args.groups.split(","):
        for seed in map(int, args.seeds.split(",")):
            for name, settings in plan(group, seed, cities):
                results = read(args.results)
                if any(r["name"] == name and r["seed"] == seed for r in results["runs"]):
                    continue
                start = time.process_time()
                model, loss = train(cities, seed, settings, say=None)
                run = {"name": name, "seed": seed, "cpu_seconds": round(time.process_time() - start, 2),
                       "parameters": sum(p.numel() for p in model.parameters()), "validation_loss": round(loss, 5)}
                for split, (x, lengths, targets) in sets.items():
                    answers = model.predict(x, lengths)
                    run[split] = {k: round(v, 5) for k, v in scores(answers, targets).items()}
                if name == "shared" and "standard_error" not in results:
                    results["standard_error"] = {k: round(v, 5) for k, v in standard_errors(answers, targets).items()}
                results["runs"].append(run)
                partial = args.results.with_suffix(".part")
                partial.write_text(json.dumps(results, indent=1) + "\n")
                partial.replace(args.results)
                print(name, seed, run["test"], flush=True)


if __name__ == "__main__":
    main()
