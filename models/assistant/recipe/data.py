"""The requests as words: a word is a run of letters, digits and underscores, or any one other character but white space.
The folder is given by --data and holds train.jsonl.gz, dev.jsonl.gz and test.jsonl.gz: a line an utterance,
{"intent": ..., "segments": [["Play "], ["Gia", "artist"], ...]}; a segment with a second member is a slot of that kind."""
import gzip
import json
import re
from dataclasses import dataclass
from pathlib import Path

WORD = re.compile(r"\w+|\S")


@dataclass
class Utterance:
    text: str
    words: list
    places: list  # (start, end) of each word in the text
    intent: str
    slots: list  # (kind, start, end) of each slot in the text, white space at its ends left off
    tags: list  # one IOB label a word


def split(text):
    found = list(WORD.finditer(text))
    return [m.group() for m in found], [m.span() for m in found]


def tag(places, slots):
    """IOB labels; a word belongs to the slot that holds all of it."""
    tags, last = [], None
    for start, end in places:
        inside = next((s for s in slots if s[1] <= start and end <= s[2]), None)
        tags.append("O" if inside is None else f"{'I' if inside is last else 'B'}-{inside[0]}")
        last = inside
    return tags


def utterance(record):
    text, slots = "", []
    for piece, *kind in record["segments"]:
        if kind and piece.strip():
            start = len(text) + len(piece) - len(piece.lstrip())
            slots.append((kind[0], start, start + len(piece.strip())))
        text += piece
    words, places = split(text)
    return Utterance(text, words, places, record["intent"], slots, tag(places, slots))


def load(folder, part):
    with gzip.open(Path(folder) / f"{part}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [utterance(json.loads(line)) for line in lines]


def label_lists(train):
    """(intents, tags): O first, then B- and I- of each kind."""
    kinds = sorted({kind for u in train for kind, _, _ in u.slots})
    return sorted({u.intent for u in train}), ["O", *(f"{p}-{k}" for k in kinds for p in "BI")]


def spans(tags):
    """[(kind, first word, word after the last)] as conlleval reads them: an I- that continues nothing begins a slot."""
    found = []
    for i, label in enumerate([*tags, "O"]):
        prefix, _, kind = label.partition("-")
        if found and found[-1][2] is None and not (prefix == "I" and kind == found[-1][0]):
            found[-1] = (*found[-1][:2], i)
        if prefix != "O" and (not found or found[-1][2] is not None):
            found.append((kind, i, None))
    return found
