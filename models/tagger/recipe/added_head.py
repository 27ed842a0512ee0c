"""A task that comes later: a trunk trained on the other tasks stays as it is, and only a new linear head is fitted on few
labelled sentences; beside it, a whole net of its own trained on the same sentences."""
import copy

import numpy as np
import torch
from torch import nn

from data import WORD_TASKS
from train import Settings, Wanted, train_beside

COUNTS = {50: 60, 500: 30, 5000: 10}  # labelled sentences: epochs


def with_new_head(model, task, classes, seed):
    """A copy of the net whose only head, and only free weights, are a new head for `task`."""
    torch.manual_seed(seed)
    model = copy.deepcopy(model)
    wide = next(head.in_features for t, head in model.heads.items() if t in WORD_TASKS)
    model.heads = nn.ModuleDict()
    for p in model.parameters():
        p.requires_grad_(False)
    model.heads[task] = nn.Linear(wide if task in WORD_TASKS else 2 * model.trunk.hidden_size, classes)
    return model


def added_heads(trunks, sentences, labels, figures_of, device):
    """`trunks`: (name, seed, model, vocabulary) of nets trained without the task that is the name's last word. Yields (name, seed, figures) of every fitted head and
    of every net of its own; the nets of one seed and count are trained side by side."""
    for count, epochs in COUNTS.items():
        for seed in sorted({seed for _, seed, *_ in trunks}):
            few = [sentences[n] for n in np.random.default_rng(2000 + seed).permutation(len(sentences))[:count]]
            minimum = (1, 2, 2, 2) if count < 5000 else (2, 3, 3, 3)
            names, wanted = [], []
            for trunk, _, model, vocabulary in (t for t in trunks if t[1] == seed):
                task = trunk.split()[-1]
                settings = Settings(tasks=(task,), epochs=epochs, minimum=minimum)
                names += [f"{count} sentences, head on {trunk}", f"{count} sentences, own net for {task}"]
                head = with_new_head(model, task, len(labels[task]), seed)
                wanted += [Wanted(few, seed, settings, (head, vocabulary)), Wanted(few, seed, settings)]
            nets, seconds = train_beside(wanted, labels, device)
            for name, w, net in zip(names, wanted, nets):
                yield name, seed, figures_of(name, w.settings, *net, seconds / len(nets))
