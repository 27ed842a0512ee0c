"""The study behind docs/claims.md, tagger part: shared against single nets, ways to balance the losses, trunks, heads added
later, other kinds of text. Every finished run is written at once, and runs that the results file holds, or that another
process has taken, are left out. Training stops on the planned epoch; nothing is chosen on test.
Usage: python claims.py --data DIR --results FILE [--groups shared,single,...] [--seeds 0,1,2] [--only REGEX] [--device cuda --together 20] [--minutes M]"""
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.append(str(Path(__file__).parents[3] / "recipes"))  # what recipes share

import argparse
import re

import numpy as np
import torch

import runs
from added_head import added_heads
from data import TASKS, WORD_TASKS, label_lists, load
from train import Corpus, Settings, Wanted, accuracy, train_beside

SMALL = {"hidden": 32, "widths": (13, 8, 6, 6)}  # five of these are about as large as the shared net
FEW = 500
ALL_FEW = (1, 2, 2, 2)  # how often a word must occur among few sentences to have a row
BESIDE = {"deprel": ("upos", "xpos", "feats"), "upos": ("deprel", "genre")}  # tasks that do not give the rare one away
SEEN = ("newsgroup", "reviews", "weblog")  # kinds of text trained on; answers and email are kept for the test
TUNED = {"15 epochs": {"epochs": 15}, "dropout .5": {"dropout": 0.5}, "192 units": {"hidden": 192}, "15 epochs, dropout .5": {"epochs": 15, "dropout": 0.5}}
BRANCH = {"branch": 48, "balance": "sum"}
APART = {"none": {"told": 0.0}, "a tenth": {"told": 0.1}, "a quarter": {"told": 0.25}, "own tables": {"branch": 32, "own": SMALL["widths"]}}
GROUPS = "shared,single,small,few,conflict,trunk,branch,apart,balance,gradients,short,stitch,recurrence,brief,gru,added,early,domain,tuned"
# Layers and widths whose trunk and heads together have the LSTM net's number of parameters to 3 %.
RECURRENCES = {"mingru": {"hidden": 140, "layers": 2}, "minlstm": {"hidden": 118, "layers": 2}}


def few_sentences(count, seed):
    return np.random.default_rng(1000 + seed).choice(count, FEW, replace=False).tolist()


def few_runs(seed, sentences):
    rare = few_sentences(len(sentences), seed)
    alone = [sentences[n] for n in rare]
    yield "few for all, shared", alone, Settings(epochs=30, minimum=ALL_FEW)
    for task in TASKS:
        yield f"few single {task}", alone, Settings(tasks=(task,), epochs=30, minimum=ALL_FEW)
    for task, others in BESIDE.items():
        yield f"few shared {task}", sentences, Settings(tasks=(task, *others), epochs=4, few={task: rare}, repeat=3)


def plan(group, seed, sentences):
    """(name, (sentences to train on, Settings)) of every run of a group."""
    kind, _, only = group.partition("-")
    words = tuple(WORD_TASKS)
    if kind == "few":
        return [(name, (chosen, settings)) for name, chosen, settings in few_runs(seed, sentences)]
    if kind == "domain":
        sentences = [s for s in sentences if s.labels["genre"] in SEEN]
    settings = {
        "shared": {"shared": {}},
        "single": {f"single {t}": {"tasks": (t,)} for t in TASKS if only in ("", t)},
        "small": {f"small {t}": {"tasks": (t,), **SMALL} for t in TASKS},
        "conflict": {"genre weight 1": {"genre_weight": 1.0}, "no genre": {"tasks": words}},
        "trunk": {"shared, trunk 64": {"hidden": 64}, **{f"single {t}, trunk 64": {"tasks": (t,), "hidden": 64} for t in ("deprel", "upos")}},
        "branch": {"branch for genre": BRANCH},
        "apart": {f"branch, {k}": {"branch": 48, "balance": "sum", **more} for k, more in APART.items() if only in ("", k)},
        "balance": {w: {"balance": w} for w in ("uncertainty", "famo")},
        "gradients": {w: {"balance": w} for w in ("gradnorm", "pcgrad") if only in ("", w)},
        "short": {f"{w}, 4 epochs": {"balance": w, "epochs": 4} for w in ("sum", "fixed", "gradnorm", "pcgrad")} | {"branch for genre, 4 epochs": BRANCH | {"epochs": 4}},
        "stitch": {"cross-stitch": {"hidden": 96, "stitch": 96, "balance": "sum"}},
        "recurrence": {f"{k} trunk": {"trunk": k, **more} for k, more in RECURRENCES.items() if only in ("", k)},
        "brief": {f"{k} trunk, 4 epochs": {"trunk": k, "epochs": 4, **more} for k, more in RECURRENCES.items() if only in ("", k)},
        "gru": {"gru trunk": {"trunk": "gru", "hidden": 150}},
        "added": {f"trunk without {t}": {"tasks": tuple(o for o in TASKS if o != t)} for t in TASKS},
        "early": {f"early trunk without {t}": {"tasks": tuple(o for o in TASKS if o != t), "epochs": 4} for t in TASKS if only in ("", t)},
        "domain": {"domain shared": {"tasks": words}, **{f"domain single {t}": {"tasks": (t,)} for t in ("deprel", "upos")}},
        "tuned": {f"{own}, {word}": more | ({"tasks": (own.split()[-1],)} if own != "shared" else {}) for word, more in TUNED.items()
                  for own in ("shared", *(f"single {t}" for t in TASKS)) if only in ("", "long" if "epochs" in more else "short")},
    }[kind]
    return [(name, (sentences, Settings(**more))) for name, more in settings.items()]


def alike(what):
    """Nets of which this is equal can be trained side by side."""
    sentences, s = what
    return id(sentences), s.epochs, s.batch, s.repeat, str(s.few)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--groups", default=GROUPS)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--together", type=int, default=1, help="how many nets side by side, for a GPU")
    parser.add_argument("--only", default="", help="a regular expression: only runs whose name it is found in")
    parser.add_argument("--minutes", type=float)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.backends.cudnn.allow_tf32 = False
    sets = {split: load(args.data, split) for split in ("train", "dev", "test")}
    sets |= {kinds: [s for s in sets["test"] if (s.labels["genre"] in SEEN) == seen] for kinds, seen in (("test, seen kinds", True), ("test, other kinds", False))}
    labels, corpora = label_lists(sets["train"]), {}

    def figures_of(name, settings, model, vocabulary, seconds):
        def found(part):
            if (id(vocabulary), part) not in corpora:
                corpora[id(vocabulary), part] = vocabulary, Corpus(sets[part], vocabulary, labels, device=args.device)
            return {t: round(v, 3) for t, v in accuracy(model, corpora[id(vocabulary), part][1]).items()}

        clock = "cpu_seconds" if args.device == "cpu" else "gpu_seconds"
        figures = {"epochs": settings.epochs, clock: round(seconds, 1), "parameters": sum(p.numel() for p in model.parameters())}
        figures |= {part: found(part) for part in sets if part in ("dev", "test") or part != "train" and name.startswith("domain")}
        if settings.stitch:
            figures["mix"] = [[round(v, 3) for v in row] for row in model.mix.tolist()]
        return figures

    def run(some):
        nets, seconds = train_beside([Wanted(sentences, seed, settings) for _, seed, (sentences, settings) in some], labels, args.device)
        for (name, seed, (_, settings)), net in zip(some, nets):
            yield name, seed, figures_of(name, settings, *net, seconds / len(nets))
        trunks = [(name, seed, *net) for (name, seed, _), net in zip(some, nets) if "trunk without" in name]
        yield from added_heads(trunks, sets["train"], labels, figures_of, args.device)

    wanted = runs.ordered(args.groups.split(","), [int(s) for s in args.seeds.split(",")], lambda group, seed: [run for run in plan(group, seed, sets["train"]) if re.search(args.only, run[0])])
    runs.work(args.results, wanted, run, args.together, alike, args.minutes)


if __name__ == "__main__":
    main()
