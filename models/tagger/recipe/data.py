"""The treebank as sentences: words, four labels a word, one genre a sentence. The folder is given by --data and holds
train.tsv.gz, dev.tsv.gz and test.tsv.gz: a line `# genre = ...` a sentence, then FORM UPOS XPOS FEATS DEPREL a word."""
import gzip
from dataclasses import dataclass
from pathlib import Path

WORD_TASKS = ["upos", "xpos", "feats", "deprel"]
TASKS = [*WORD_TASKS, "genre"]


@dataclass
class Sentence:
    words: list
    labels: dict  # task -> one label a word; "genre" -> one label


def load(folder, split):
    sentences, genre, rows = [], None, []
    with gzip.open(Path(folder) / f"{split}.tsv.gz", "rt", encoding="utf-8") as lines:
        for line in [*lines, "\n"]:
            line = line.rstrip("\n")
            if line.startswith("# genre = "):
                genre = line.removeprefix("# genre = ")
            elif line:
                rows.append(line.split("\t"))
            elif rows:
                words, *columns = (list(c) for c in zip(*rows))
                sentences.append(Sentence(words, {**dict(zip(WORD_TASKS, columns)), "genre": genre}))
                rows = []
    return sentences


def label_lists(train):
    """Every label of the training sentences, sorted: {task: [label, ...]}."""
    found = {task: set() for task in TASKS}
    for s in train:
        for task in WORD_TASKS:
            found[task].update(s.labels[task])
        found["genre"].add(s.labels["genre"])
    return {task: sorted(labels) for task, labels in found.items()}
