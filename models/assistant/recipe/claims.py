"""The study behind docs/claims.md, assistant part: settings tried on dev, one net for both tasks against one for each, few
labels, a task that comes later. Every finished run is written at once; runs that the results file holds, or that another
process has taken, are left out.
Usage: python claims.py --data DIR --results FILE [--groups ...] [--seeds 0,1,2] [--device cuda --together 12] [--minutes M] [--nets DIR]"""
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.append(str(Path(__file__).parents[3] / "recipes"))  # what recipes share

import argparse
from dataclasses import replace

import numpy as np
import torch

import runs
from added_head import COUNTS, OTHER, added_heads
from data import label_lists, load
from train import Settings, Wanted, evaluate, rounded, train_beside

WIDE = Settings(hidden=192, second=128, dropout=0.5, epochs=20)
TRIED = {
    "wide": WIDE,
    "wide-smooth": replace(WIDE, smooth=0.1, intent_weight=0.5),
    "wide-small-batches": replace(WIDE, batch=16, rate=2e-3),
    "wide-30-epochs": replace(WIDE, epochs=30),
    "narrow": Settings(),
}
SERVED_NAME = "narrow"
SERVED = TRIED[SERVED_NAME]
HALF = {"hidden": 96, "second": 72, "widths": (40, 12, 12, 12, 12)}  # two of these are about as large as the served net
FEW = (100, 500)
ALL_FEW = (1, 2, 2, 2, 2)
TRUNKS = [f"{when} {task}" for when in ("single", "early") for task in OTHER]  # nets on which a head for the other task is fitted


def few(count, number, seed):
    return np.random.default_rng(1000 + seed).choice(count, number, replace=False).tolist()


def few_runs(seed, utterances):
    for task in ("intent", "slots"):
        for number in FEW:
            rare = few(len(utterances), number, seed)
            alone = [utterances[n] for n in rare]
            yield f"{number} labels, single {task}", alone, replace(SERVED, tasks=(task,), epochs=40, minimum=ALL_FEW)
            yield f"{number} labels, joint {task}", utterances, replace(SERVED, epochs=5, few={task: rare}, repeat=5)


def plan(group, seed, utterances):
    """(name, (utterances, Settings)) of every run of a group."""
    kind, _, only = group.partition("-")
    if kind == "few":
        return [(name, (chosen, settings)) for name, chosen, settings in few_runs(seed, utterances) if only in name]
    settings = {
        "settings": TRIED,
        "single": {f"single {t}": replace(SERVED, tasks=(t,), epochs=e) for t, e in (("intent", 5), ("slots", SERVED.epochs))},
        "long": {"single intent, 20 epochs": replace(SERVED, tasks=("intent",)), "half intent, 20 epochs": replace(SERVED, tasks=("intent",), **HALF)},
        "early": {f"early {t}": replace(SERVED, tasks=(t,), epochs=3) for t in OTHER if only in ("", t)},
        "half": {f"half {t}": replace(SERVED, tasks=(t,), epochs=e, **HALF) for t, e in (("intent", 5), ("slots", SERVED.epochs))},
    }.get(kind) or {group: TRIED[group]}
    return [(name, (utterances, s)) for name, s in settings.items()]


def alike(what):
    """Nets of which this is equal can be trained side by side."""
    utterances, s = what
    return id(utterances), s.epochs, s.batch, s.repeat, sorted(map(str, s.few.values()))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parent)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--groups", default="settings,single,long,half,few,early")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--together", type=int, default=1, help="how many nets side by side, for a GPU")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--counts", default=",".join(map(str, COUNTS)), help="labelled utterances for the task that comes later")
    parser.add_argument("--nets", type=Path, help="keep the nets of the group settings here")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.backends.cudnn.allow_tf32 = False
    sets = {part: load(args.data, part) for part in ("train", "dev", "test")}
    intents, tags = label_lists(sets["train"])

    def figures_of(name, settings, model, vocabulary, seconds):
        clock = "cpu_seconds" if args.device == "cpu" else "gpu_seconds"
        figures = {"epochs": settings.epochs, clock: round(seconds, 1), "parameters": sum(p.numel() for p in model.parameters())}
        # The test split is read only for the comparisons, whose settings are fixed, and later for the served nets.
        for part in ("dev",) if name in TRIED else ("dev", "test"):
            found = evaluate(model, sets[part], vocabulary, intents, tags, args.device)
            figures[part] = {k: round(v, 3) for k, v in found.items()}
        return figures

    def run(some):
        nets, seconds = train_beside([Wanted(utterances, seed, settings) for _, seed, (utterances, settings) in some], intents, tags, args.device)
        for (name, seed, (_, settings)), net in zip(some, nets):
            figures = figures_of(name, settings, *net, seconds / len(nets))
            yield name, seed, figures
            if args.nets and name in TRIED:
                args.nets.mkdir(parents=True, exist_ok=True)
                torch.save((rounded(net[0]), figures), args.nets / f"{name} {seed}.pt")
        trunks = [(name, OTHER[name.split()[-1]], seed, *net) for (name, seed, _), net in zip(some, nets) if name in TRUNKS]
        counts = [int(c) for c in args.counts.split(",")]
        yield from added_heads(trunks, counts, sets["train"], intents, tags, SERVED, figures_of, args.device)

    wanted = runs.ordered(args.groups.split(","), [int(s) for s in args.seeds.split(",")], lambda group, seed: plan(group, seed, sets["train"]))
    runs.work(args.results, wanted, run, args.together, alike, args.minutes)


if __name__ == "__main__":
    main()
