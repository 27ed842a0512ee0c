"""A task that comes later: a trunk trained on the other task stays as it is, and only a new head is fitted on few labelled
utterances: a linear layer for the intent, a linear layer and the chain of transitions for the slots; beside it, a whole net of
its own trained on the same utterances."""
import copy
from dataclasses import replace

import numpy as np

from train import Wanted, seeded, train_beside

COUNTS = {50: 60, 500: 30, 5000: 10}  # labelled utterances: epochs
OTHER = {"intent": "slots", "slots": "intent"}


def with_new_head(model, vocabulary, task, intents, tags, settings, seed):
    """A net with a new head for `task`, its only free weights, on the tables and the trunk of `model`."""
    new = seeded(seed, vocabulary, intents, tags, replace(settings, tasks=(task,), second=0))
    for part in (new.tables, new.trunk):
        for p in part.parameters():
            p.requires_grad_(False)
    new.tables.load_state_dict(copy.deepcopy(model.tables.state_dict()))
    new.trunk.load_state_dict(copy.deepcopy(model.trunk.state_dict()))
    return new


def added_heads(trunks, counts, utterances, intents, tags, settings, figures_of, device):
    """`trunks`: (name, task, seed, model, vocabulary) of nets trained without the task. Yields (name, seed, figures) of every fitted head and
    of every net of its own; the nets of one seed and count are trained side by side."""
    for count, epochs in ((c, COUNTS[c]) for c in counts):
        for seed in sorted({seed for _, _, seed, *_ in trunks}):
            few = [utterances[n] for n in np.random.default_rng(2000 + seed).permutation(len(utterances))[:count]]
            minimum = (1, 2, 2, 2, 2) if count < 5000 else settings.minimum
            names, wanted = [], []
            for trunk, task, _, model, vocabulary in (t for t in trunks if t[2] == seed):
                own = replace(settings, tasks=(task,), epochs=epochs, minimum=minimum)
                early = ", early trunk" if trunk.startswith("early") else ""
                names += [f"{count} utterances, head for {task}{early}", f"{count} utterances, own net for {task}"]
                head = with_new_head(model, vocabulary, task, intents, tags, settings, seed)
                wanted += [Wanted(few, seed, own, (head, vocabulary)), Wanted(few, seed, own)]
            nets, seconds = train_beside(wanted, intents, tags, device)
            for name, w, net in zip(names, wanted, nets):
                yield name, seed, figures_of(name, w.settings, *net, seconds / len(nets))
