"""Golden cases and the example request: sentences written for this purpose, none of them from the treebank. The values
are PyTorch's, in float64 from the stored weights."""
import copy

import torch

from data import TASKS
from words import flags

CASES = [
    ["Stop"],
    ["Good", "morning", "!"],
    ["My", "two", "cats", "sleep", "."],
    ["Write", "to", "info@polyhead.example", "before", "3:30", "."],
    ["The", "café", "at", "Harbour-Street", "was", "n't", "open"],
    ["She", "said", "that", "nobody", "had", "told", "her", "why", "the", "XQZ-9", "flornled", "."],
]
EXAMPLES = [
    ["The", "old", "lighthouse", "keeper", "still", "counts", "every", "ship", "."],
    ["Could", "you", "bring", "me", "two", "warm", "blankets", "?"],
    ["Never", "again", "!"],
]


@torch.no_grad()
def answer(model, vocabulary, words):
    """{output: numpy array} of one sentence alone, in float64."""
    exact = copy.deepcopy(model).double().eval()
    ids = torch.tensor([[vocabulary.ids(w) for w in words]])
    marks = torch.tensor([[flags(w) for w in words]], dtype=torch.float64)
    return {task: torch.softmax(logits, -1)[0].numpy() for task, logits in exact(ids, marks).items()}


def golden_cases(model, vocabulary):
    cases = []
    for words in CASES:
        found = answer(model, vocabulary, words)
        cases.append({"sequence": words, "outputs": {t: [float(f"{v:.9g}") for v in found[t].ravel()] for t in TASKS}})
    return cases
