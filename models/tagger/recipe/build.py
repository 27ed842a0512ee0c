"""Trains three seeds, chooses one on dev, exports and checks it, and writes the whole version directory.
Usage: python build.py --data DIR [--out DIR] [--metrics FILE] [--checkpoints DIR]"""
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: sums then have one order
sys.path.append(str(Path(__file__).parents[3] / "recipes"))  # what recipes share

import argparse
import json

import numpy as np
import torch

import manifest as files
from baselines import PERCEPTRON, by_word, commonest, perceptron
from card import card
from check import by_genre, check, check_golden, graph_accuracy
from data import TASKS, WORD_TASKS, label_lists, load
from export import export, stored_weights
from golden import EXAMPLES, golden_cases
from model import TABLES
from train import Corpus, Settings, accuracy, network, train
from words import Vocabulary

HERE = Path(__file__).parent
SEEDS = range(3)
# Chosen on dev; longer and wider than the nets of the study.
SERVED = Settings(widths=(64, 32, 16, 16), epochs=13, balance="sum", branch=48, told=0.25)


def trained(data, labels, seed, folder):
    """A trained net and its figures; with `folder`, one trained earlier is read from there."""
    kept = folder and folder / f"seed-{seed}.pt"
    if kept and kept.exists():
        state, figures = torch.load(kept)
        vocabulary = Vocabulary([s.words for s in data["train"]], TABLES, SERVED.minimum)
        model = network(vocabulary, labels, SERVED)
        model.load_state_dict(state)
        return model.eval(), vocabulary, figures

    def on_dev(model, vocabulary):
        return accuracy(model, Corpus(data["dev"], vocabulary, labels))

    model, vocabulary, seconds = train(data["train"], labels, seed, SERVED, on_dev, lambda text: print(text, flush=True))
    figures = {"seed": seed, "cpu_seconds": round(seconds, 1), "dev": on_dev(model, vocabulary),
               "test": accuracy(model, Corpus(data["test"], vocabulary, labels))}
    if kept:
        folder.mkdir(parents=True, exist_ok=True)
        torch.save((model.state_dict(), figures), kept)
    return model, vocabulary, figures


def unknown_words(data, vocabulary):
    """Per cent of the test words that are not in the vocabulary."""
    words = [w for s in data["test"] for w in s.words]
    return 100 * sum(vocabulary.ids(w)[0] == 0 for w in words) / len(words)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of train.tsv.gz, dev.tsv.gz, test.tsv.gz")
    parser.add_argument("--out", type=Path, default=HERE.parent / "2", help="version directory to write")
    parser.add_argument("--metrics", type=Path, default=HERE / "metrics.json", help="where to write the figures")
    parser.add_argument("--checkpoints", type=Path, help="keep trained nets here, and read those that are here already")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    data = {split: load(args.data, split) for split in ("train", "dev", "test")}
    labels = label_lists(data["train"])

    print("training", len(SEEDS), "seeds")
    nets = [trained(data, labels, seed, args.checkpoints) for seed in SEEDS]
    chosen = int(np.argmax([sum(figures["dev"][t] for t in WORD_TASKS) for _, _, figures in nets]))
    model, vocabulary, figures = nets[chosen]
    parameters = sum(p.numel() for p in model.parameters())
    stored_weights(model)

    print(f"seed {SEEDS[chosen]} is the best on dev; exporting and checking", flush=True)
    graph = args.out / "model.onnx"
    export(model, vocabulary, graph)
    files.write_json(args.out / "manifest.json", files.manifest(graph, labels))
    producer = {"formatVersion": 1, "producer": f"torch {torch.__version__.split('+')[0]}", "tolerance": 1e-5}
    files.write_json(args.out / "golden.json", producer, {"cases": golden_cases(model, vocabulary)})
    files.write_json(args.out / "example.json", {}, {"sequences": EXAMPLES})
    worst = check(graph, model, vocabulary, [s.words for s in data["dev"][::4]]), check_golden(graph, args.out / "golden.json")
    if max(worst) > producer["tolerance"]:
        raise SystemExit(f"onnxruntime differs from PyTorch by {max(worst)}, more than {producer['tolerance']}")
    metrics = {
        "sentences": {k: len(v) for k, v in data.items()}, "words": {k: sum(len(s.words) for s in v) for k, v in data.items()},
        "labels": {t: len(n) for t, n in labels.items()},
        "settings": {"hidden": SERVED.hidden, "widths": SERVED.widths, "epochs": SERVED.epochs,
                     "branch": SERVED.branch, "told": SERVED.told, "tables": vocabulary.sizes()},
        "baselines": {"commonest label": commonest(data["train"], data["test"]), "look-up by word": by_word(data["train"], data["test"]),
                      PERCEPTRON: {t: perceptron(data["train"], data["test"], t) for t in WORD_TASKS}},
        "seeds": [f for _, _, f in nets], "chosen": SEEDS[chosen],
        "test_float32": figures["test"], "test_served_graph": graph_accuracy(graph, data["test"], labels), "test_by_genre": by_genre(graph, data["test"], labels),
        "unknown_test_words": unknown_words(data, vocabulary),
        "graph": {"parameters": parameters, "bytes": graph.stat().st_size, "worst_difference_to_torch": worst[0],
                  "worst_difference_to_golden": worst[1]},
    }
    args.metrics.write_text(json.dumps(metrics, indent=2) + "\n")
    (args.out / "CARD.md").write_text(card(metrics, json.loads((HERE / "version-1.json").read_text())), encoding="utf-8")
    print(f"wrote {args.out.name}: {metrics['test_served_graph']}, {metrics['graph']}")


if __name__ == "__main__":
    main()
