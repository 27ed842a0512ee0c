"""What an answer costs: one shared net against five nets with a task each, in onnxruntime on one thread. The graphs run in
turn, so that both sides meet the same machine. Usage: python claims_serving.py --shared MODEL --singles DIR --results FILE"""
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort

from build import HERE
from data import TASKS, load, windows

BATCHES = (1, 64)
TURNS = 600


def session(path):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def seconds(graph, feeds):
    start = time.perf_counter()
    graph.run(None, feeds)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=HERE.parent / "1" / "model.onnx")
    parser.add_argument("--singles", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True)
    args = parser.parse_args()
    shared, singles = session(args.shared), [session(args.singles / t / "1" / "model.onnx") for t in TASKS]
    x = windows(load(HERE), "test", 14)[0]
    found = {}
    for batch in BATCHES:
        feeds = {"x": x[:batch], "lengths": np.full(batch, 14), **{s: np.zeros((1, batch, 32), np.float32) for s in ("h0", "c0")}}
        times = [(seconds(shared, feeds), sum(seconds(g, feeds) for g in singles)) for _ in range(TURNS)]
        one, five = (float(np.median(t)) for t in zip(*times))
        ratios = [b / a for a, b in times]
        found[f"batch {batch}"] = {"shared_us": round(1e6 * one, 1), "five_us": round(1e6 * five, 1), "ratio_of_medians": round(five / one, 2),
                                   "middle_half_of_ratios": [round(float(np.quantile(ratios, q)), 2) for q in (.25, .75)]}
    args.results.write_text(json.dumps({"weather, histories of 14 days": found, "turns": TURNS}, indent=1) + "\n")
    print(found)


if __name__ == "__main__":
    main()
