"""Trains three seeds, chooses one on dev, exports and checks it, and writes the whole version directory.
Usage: python build.py [--data DIR] [--out DIR] [--metrics FILE] [--nets DIR] [--device cuda]"""
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: sums then have one order
sys.path.append(str(Path(__file__).parents[3] / "recipes"))  # what recipes share

import argparse
import json

import numpy as np
import torch

from card import card
from check import check, check_golden, graph_answers
from claims import SERVED, SERVED_NAME
from data import label_lists, load
from export import export, round_weights
from golden import EXAMPLES, golden_cases
from manifest import manifest, write_manifest, write_transitions
from train import TABLES, evaluate, figures, rounded, seeded, train
from words import Vocabulary

HERE = Path(__file__).parent
SEEDS = range(3)


def trained(sets, intents, tags, seed, folder, device):
    """A net with its weights as they will be stored, and its figures on dev; one trained earlier is read from `folder`."""
    kept = folder and folder / f"{SERVED_NAME} {seed}.pt"
    vocabulary = Vocabulary([u.words for u in sets["train"]], TABLES, SERVED.minimum)
    if kept and kept.exists():
        state, found = torch.load(kept)
        model = seeded(seed, vocabulary, intents, tags, SERVED)
        model.load_state_dict({k: v.float() for k, v in state.items()})
        seconds = {k: v for k, v in found.items() if k.endswith("_seconds")}
    else:
        model, _, spent = train(sets["train"], intents, tags, seed, SERVED, lambda m, v: evaluate(m, sets["dev"], v, intents, tags, device),
                                lambda text: print(text, flush=True), device)
        seconds = {"cpu_seconds" if device == "cpu" else "gpu_seconds": round(spent, 1)}
        model = model.cpu()
        if kept:
            folder.mkdir(parents=True, exist_ok=True)
            torch.save((rounded(model), seconds), kept)
    round_weights(model)
    return model.eval(), vocabulary, {"seed": seed, **seconds, "dev": evaluate(model, sets["dev"], vocabulary, intents, tags)}


def by_group(utterances, said, paths, vocabulary):
    """{group: figures and number}: by intent, by length, by whether a word is new."""
    groups = {u.intent: [] for u in utterances} | {"1 to 6 words": [], "7 to 12 words": [], "13 words and more": [], "every word known": [], "a new word": []}
    for n, u in enumerate(utterances):
        length = len(u.words)
        known = all(vocabulary.ids(w)[0] for w in u.words)
        for group in (u.intent, "1 to 6 words" if length < 7 else "7 to 12 words" if length < 13 else "13 words and more",
                      "every word known" if known else "a new word"):
            groups[group].append(n)
    return {g: {"utterances": len(ns), **figures([utterances[n] for n in ns], dict(enumerate(said[n] for n in ns)), dict(enumerate(paths[n] for n in ns)))}
            for g, ns in groups.items()}


def errors_of_the_mean(utterances, said, paths, resamples=1000):
    """The standard error of each figure, by the bootstrap over utterances."""
    rng, found = np.random.default_rng(0), []
    for _ in range(resamples):
        pick = rng.integers(0, len(utterances), len(utterances))
        found.append(figures([utterances[n] for n in pick], {i: said[n] for i, n in enumerate(pick)}, {i: paths[n] for i, n in enumerate(pick)}))
    return {k: float(np.std([f[k] for f in found])) for k in found[0]}


def write_lines(path, value, key, items):
    """JSON whose last member is a list with one item a line."""
    head = json.dumps(value, ensure_ascii=False, indent=2)[:-1].rstrip()
    lines = ",\n    ".join(json.dumps(i, ensure_ascii=False) for i in items)
    path.write_text(f'{head}{"," if value else ""}\n  "{key}": [\n    {lines}\n  ]\n}}\n', encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE, help="folder of train.jsonl.gz, dev.jsonl.gz, test.jsonl.gz")
    parser.add_argument("--out", type=Path, default=HERE.parent / "1", help="version directory to write")
    parser.add_argument("--metrics", type=Path, default=HERE / "metrics.json", help="where to write the figures")
    parser.add_argument("--nets", type=Path, help="keep trained nets here, and read those that are here already")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    sets = {part: load(args.data, part) for part in ("train", "dev", "test")}
    intents, tags = label_lists(sets["train"])

    nets = [trained(sets, intents, tags, seed, args.nets, args.device) for seed in SEEDS]
    chosen = int(np.argmax([sum(f["dev"].values()) for _, _, f in nets]))
    for model, vocabulary, found in nets:
        found["test"] = evaluate(model, sets["test"], vocabulary, intents, tags)
    model, vocabulary, _ = nets[chosen]

    print(f"seed {SEEDS[chosen]} is the best on dev; exporting and checking", flush=True)
    graph = args.out / "model.onnx"
    export(model, vocabulary, graph)
    write_manifest(args.out / "manifest.json", manifest(graph, intents, tags))
    write_transitions(args.out / "transitions.json", model.chain)
    producer = {"formatVersion": 1, "producer": f"torch {torch.__version__.split('+')[0]}", "tolerance": 2e-5}
    write_lines(args.out / "golden.json", producer, "cases", golden_cases(model, vocabulary))
    write_lines(args.out / "example.json", {}, "sequences", EXAMPLES)
    worst = check(graph, model, vocabulary, [u.words for u in sets["dev"]]), check_golden(graph, args.out / "golden.json")
    if max(worst) > producer["tolerance"]:
        raise SystemExit(f"onnxruntime differs from PyTorch by {max(worst)}, more than {producer['tolerance']}")
    said, paths = graph_answers(graph, model, sets["test"], intents, tags)
    words = [w for u in sets["test"] for w in u.words]
    metrics = {
        "utterances": {k: len(v) for k, v in sets.items()}, "words": {k: sum(len(u.words) for u in v) for k, v in sets.items()},
        "settings": {"name": SERVED_NAME, "hidden": SERVED.hidden, "second": SERVED.second, "widths": SERVED.widths, "dropout": SERVED.dropout,
                     "epochs": SERVED.epochs, "tables": vocabulary.sizes()},
        "seeds": [f for _, _, f in nets], "chosen": SEEDS[chosen],
        "test_served_graph": figures(sets["test"], said, paths), "standard_error": errors_of_the_mean(sets["test"], said, paths),
        "test_by_group": by_group(sets["test"], said, paths, vocabulary),
        "unknown_test_words": 100 * sum(vocabulary.ids(w)[0] == 0 for w in words) / len(words),
        "graph": {"parameters": sum(p.numel() for p in model.parameters()), "bytes": graph.stat().st_size,
                  "worst_difference_to_torch": worst[0], "worst_difference_to_golden": worst[1]},
    }
    args.metrics.write_text(json.dumps(metrics, indent=2) + "\n")
    (args.out / "CARD.md").write_text(card(metrics), encoding="utf-8")
    print(f"wrote {args.out.name}: {metrics['test_served_graph']}, {metrics['graph']}")


if __name__ == "__main__":
    main()
