"""The manifest of the served model, and JSON written with one line a row."""
import hashlib
import json

SAYS = {
    "upos": "Universal part of speech of each word",
    "xpos": "Penn Treebank tag of each word",
    "feats": "All morphological features of each word as one label; _ is none",
    "deprel": "How each word depends on its head in the sentence; the head itself is not named",
    "genre": "Kind of text the sentence may come from; right three times in five, see the card",
}


def manifest(graph, labels):
    """The manifest as a dict; `graph` is the path of the finished model.onnx."""
    return {
        "$schema": "../../manifest.schema.json",
        "formatVersion": 1,
        "description": "Parts of speech, morphology and dependency labels of English words, from the words alone.",
        "graph": {"file": graph.name, "sha256": hashlib.sha256(graph.read_bytes()).hexdigest()},
        "inputs": [{"name": "words", "tensor": "tokens", "kind": "token", "lengths": "lengths", "time": {"minimum": 1, "maximum": 256}}],
        "heads": [
            {"name": task, "tensor": task, "kind": "multiclass", **({} if task == "genre" else {"per": "step"}), "labels": names,
             "description": SAYS[task]}
            for task, names in labels.items()
        ],
        "limits": {"batchSize": 64, "paddedSteps": 4096},
    }


def write_json(path, value, rows=None):
    """Indented JSON, lists of labels on one line; with `rows`, {key: list} whose items each take one line, appended."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    for head in value.get("heads", []):
        long = json.dumps(head["labels"], indent=2, ensure_ascii=False).replace("\n", "\n      ")
        text = text.replace(long, json.dumps(head["labels"], ensure_ascii=False))
    if rows:
        (key, items), = rows.items()
        lines = ",\n    ".join(json.dumps(i, ensure_ascii=False) for i in items)
        text = text[:-1].rstrip() + ("," if value else "") + f'\n  "{key}": [\n    {lines}\n  ]\n}}'
    path.write_text(text + "\n", encoding="utf-8")
