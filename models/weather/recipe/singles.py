"""Five nets with one task each (seed 0), as models of their own: what serving costs without a shared trunk is measured
with them. Usage: python singles.py --out DIR [--data DIR]"""
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.append(str(Path(__file__).parents[3] / "recipes"))  # what recipes share

import argparse

import torch

import manifest as files
from build import HERE, predict
from check import check, check_golden
from data import TASKS, load
from export import export
from golden import CASES, example_sequences, golden_cases
from intervals import widening
from train import Settings, train


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE)
    parser.add_argument("--out", type=Path, required=True, help="repository folder to write the five models to")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cities = load(args.data)
    for task in TASKS:
        model, _ = train(cities, 0, Settings(tasks=(task,), balance="equal"))
        if model.values:
            model.widen.copy_(torch.tensor(widening(*predict(model, cities, "validation"))))
        folder = args.out / task / "1"
        folder.mkdir(parents=True, exist_ok=True)
        graph = folder / "model.onnx"
        export(model, graph)
        described = files.manifest(graph, model.state)
        del described["$schema"]
        described["description"] = f"Only {task}: one of five nets with a task each, to measure what they cost beside the shared net."
        described["heads"] = [h for h in described["heads"] if h["name"] == task]
        files.write_json(folder / "manifest.json", described)
        producer = {"formatVersion": 1, "producer": f"torch {torch.__version__.split('+')[0]}", "tolerance": 1e-5}
        files.write_json(folder / "golden.json", producer, {"cases": golden_cases(model, cities, CASES[:8])})
        files.write_json(folder / "example.json", {}, {"sequences": example_sequences(cities)})
        worst = max(check(graph, model, cities, rounds=10), check_golden(graph, folder / "golden.json"))
        if worst > producer["tolerance"]:
            raise SystemExit(f"{task}: onnxruntime differs from PyTorch by {worst}")
        print(f"wrote {task}: {graph.stat().st_size} bytes, off by at most {worst:.1e}")


if __name__ == "__main__":
    main()
