"""The manifest of the served model and the table of transitions beside it."""
import hashlib
import json


def manifest(graph, intents, tags):
    """The manifest as a dict; `graph` is the path of the finished model.onnx."""
    return {
        "$schema": "../../manifest.schema.json",
        "formatVersion": 1,
        "description": "What a spoken request to an assistant asks for, and the words that say the particulars. English; the text or its words.",
        "graph": {"file": graph.name, "sha256": hashlib.sha256(graph.read_bytes()).hexdigest()},
        "inputs": [{"name": "text", "tensor": "tokens", "kind": "token", "split": "words", "lengths": "lengths",
                    "time": {"minimum": 1, "maximum": 128}}],
        "heads": [
            {"name": "intent", "tensor": "intent", "kind": "multiclass", "labels": intents, "description": "What is asked for"},
            {"name": "slots", "tensor": "slots", "kind": "sequence-labels", "labels": tags, "transitionsFile": "transitions.json",
             "description": "The particulars: artist, city, time and 36 other kinds"},
        ],
        "limits": {"batchSize": 64, "paddedSteps": 4096},
    }


def write_manifest(path, value):
    """Indented JSON, lists of labels on one line."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    for head in value["heads"]:
        long = json.dumps(head["labels"], indent=2, ensure_ascii=False).replace("\n", "\n      ")
        text = text.replace(long, json.dumps(head["labels"], ensure_ascii=False))
    path.write_text(text + "\n", encoding="utf-8")


def write_transitions(path, chain):
    """start, between (a row a line: from that label to each) and end, as the server adds them."""
    start, between, end = ([round(v, 4) for v in part.flatten().tolist()] for part in chain.scores())
    n = len(start)
    rows = ",\n    ".join(json.dumps(between[i * n:(i + 1) * n]) for i in range(n))
    path.write_text(f'{{\n  "start": {json.dumps(start)},\n  "between": [\n    {rows}\n  ],\n  "end": {json.dumps(end)}\n}}\n')
