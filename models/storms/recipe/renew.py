"""Measures the baselines and the groups anew on the finished graph, without training, and writes metrics.json and the card.
Usage: python renew.py"""
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3] / "recipes"))  # what recipes share

import json

import numpy as np
import onnxruntime as ort
import torch

from build import HERE, against, by_group, histories, strengths
from card import card
from check import run
from conformal import conformal
from data import flat, load
from model import OUTPUTS


def main():
    torch.set_num_threads(1)
    splits, metrics = load(HERE), json.loads((HERE / "metrics.json").read_text())
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(HERE.parent / "1" / "model.onnx"), options, providers=["CPUExecutionProvider"])
    rows = [{k: found[k][0, s.known] for k in OUTPUTS} for s in splits["test"] for found in [run(session, [s.steps])]]
    answers, targets = {k: np.concatenate([r[k] for r in rows]) for k in OUTPUTS}, flat(splits["test"])
    metrics["baselines"] = against(splits, answers)
    metrics["model"]["test_by_wind"] = by_group(answers, targets, strengths(splits["test"]))
    metrics["model"]["test_by_history"] = by_group(answers, targets, histories(splits["test"]))
    metrics["model"]["conformal"] = conformal(HERE.parent / "1" / "model.onnx", splits)
    (HERE / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    (HERE.parent / "1" / "CARD.md").write_text(card(metrics))


if __name__ == "__main__":
    main()
