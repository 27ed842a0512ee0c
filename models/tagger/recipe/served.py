"""The tagger's figures through a running server: every test sentence over HTTP, its answers against the treebank.
Usage: python served.py --data DIR [--url http://127.0.0.1:8080]"""
import argparse
import json
import urllib.request
from pathlib import Path

from data import TASKS, WORD_TASKS, load

TOGETHER = 64


def predict(url, sentences):
    body = json.dumps({"sequences": sentences, "probabilities": "none"}).encode()
    request = urllib.request.Request(f"{url}/v1/models/tagger/predict", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)["predictions"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    args = parser.parse_args()
    sentences = load(args.data, "test")
    right, count = dict.fromkeys(TASKS, 0), dict.fromkeys(TASKS, 0)
    for first in range(0, len(sentences), TOGETHER):
        part = sentences[first:first + TOGETHER]
        for s, prediction in zip(part, predict(args.url, [s.words for s in part])):
            for task in TASKS:
                head = prediction["heads"][task]
                said = [step["label"] for step in head["steps"]] if task in WORD_TASKS else [head["label"]]
                wanted = s.labels[task] if task in WORD_TASKS else [s.labels[task]]
                right[task] += sum(a == b for a, b in zip(said, wanted))
                count[task] += len(wanted)
    print({t: round(100 * right[t] / count[t], 3) for t in TASKS}, {t: count[t] for t in ("upos", "genre")})


if __name__ == "__main__":
    main()
