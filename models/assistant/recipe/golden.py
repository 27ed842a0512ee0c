"""Golden cases and the example request: utterances written for this purpose, none of them from the data. The values are
PyTorch's, in float64 from the stored weights."""
import copy

import torch

from data import split
from words import flags

CASES = [
    "Stop",
    "play some quiet jazz",
    "Book a table for 3 at Harbour-Street Grill tomorrow night",
    "rate The Salt Road 4 out of 5 stars!",
    "Will it snow in Łódź on 24 December?",
    "add the XQZ-9 tune by Flornled to my Rainy Sunday list",
]
EXAMPLES = [
    "play the newest album by The Lantern Keepers",
    "What will the weather be like in Porto this weekend?",
    ["book", "a", "table", "for", "two", "in", "Bergen"],
]


@torch.no_grad()
def answer(model, vocabulary, words):
    """{output: numpy array} of one utterance alone, in float64."""
    exact = copy.deepcopy(model).double().eval()
    ids = torch.tensor([[vocabulary.ids(w) for w in words]])
    marks = torch.tensor([[flags(w) for w in words]], dtype=torch.float64)
    intent, slots = exact(ids, marks)
    return {"intent": torch.softmax(intent, -1)[0].numpy(), "slots": slots[0].numpy()}


def golden_cases(model, vocabulary):
    cases = []
    for text in CASES:
        words = split(text)[0]
        found = answer(model, vocabulary, words)
        cases.append({"sequence": words, "outputs": {t: [float(f"{v:.9g}") for v in found[t].ravel()] for t in ("intent", "slots")}})
    return cases
