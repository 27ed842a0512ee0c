"""The study behind docs/claims.md, storm part: ways to balance the losses, and trunks. Every net is kept at its lowest validation
loss, the same weighted sum for all. Every finished run is written at once; runs that the results file holds, or that another
process has taken, are left out.
Usage: python claims.py --results FILE [--data DIR] [--seeds 0,1,2] [--groups balance,stitch,recurrence] [--minutes M]"""
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.append(str(Path(__file__).parents[3] / "recipes"))  # what recipes share

import argparse

import torch

import runs
from balance import BALANCE
from data import flat, load
from scores import scores
from train import Settings, train

HERE = Path(__file__).parent
# Widths whose trunk and heads together have the LSTM net's number of parameters to 3 %.
TRUNKS = {"gru": {"hidden": 74}, "mingru": {"hidden": 92, "layers": 2}, "minlstm": {"hidden": 74, "layers": 2}}
GROUPS = {
    "balance": {"fixed weights": {}, **{w: {"balance": w} for w in BALANCE}},
    "stitch": {f"cross-stitch, {word}": {"hidden": 43, "stitch": True, "balance": way} for word, way in (("weights by hand", "fixed"), ("plain sum", "sum"))},
    "recurrence": {f"{k} trunk": {"trunk": k, **more} for k, more in TRUNKS.items()},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--groups", default="balance,stitch,recurrence")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--minutes", type=float)
    args = parser.parse_args()
    torch.set_num_threads(1)
    splits = load(args.data)

    def run(some):
        (name, seed, settings), = some
        model, loss, seconds = train(splits, seed, settings, say=lambda text: None)
        found = {s: {k: round(v, 4) for k, v in scores(model.predict(splits[s]), flat(splits[s])).items()} for s in ("validation", "test")}
        yield name, seed, {"cpu_seconds": round(seconds, 1), "parameters": sum(p.numel() for p in model.parameters()),
                           "validation_loss": round(loss, 4), **found}

    wanted = runs.ordered(args.groups.split(","), [int(s) for s in args.seeds.split(",")],
                          lambda group, seed: [(name, Settings(**more)) for name, more in GROUPS[group].items()])
    runs.work(args.results, wanted, run, minutes=args.minutes)


if __name__ == "__main__":
    main()
