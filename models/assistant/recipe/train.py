"""Training of one network from one seed, for the served model and for every net of the study. Batches are up to 32
utterances of one length, so nothing is padded; a word is hidden with probability .25 / (.25 + count)."""
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from balance import Sum
from beside import teach
from data import spans
from model import Assistant
from words import Vocabulary, flags

TABLES = ("word", "suffix3", "suffix2", "prefix2", "prefix3")
HIDDEN_LABEL = -100


@dataclass
class Settings:
    tasks: tuple = ("intent", "slots")
    hidden: int = 128
    second: int = 96  # units a direction of the second LSTM; 0: the slots read the first
    widths: tuple = (64, 16, 16, 16, 16)
    epochs: int = 20
    batch: int = 32
    rate: float = 3e-3
    warm_up: int = 100
    dropout: float = 0.4
    hide: float = 0.25
    smooth: float = 0.0  # of the intent's target
    intent_weight: float = 1.0
    swap: float = 0.0
    minimum: tuple = (2, 3, 3, 3, 3)  # how often a word or piece must occur to have a row
    few: dict = field(default_factory=dict)  # task -> utterance numbers that keep the task's labels; others lose them
    repeat: int = 1  # how often those utterances come in an epoch


class Corpus:
    """Utterances as tensors, grouped by length: `groups` are (ids, flags, intents, tags, 1 where the slots are labelled, utterance
    numbers)."""

    def __init__(self, utterances, vocabulary, intents, tags, few=None, device="cpu"):
        intent_at, tag_at = {v: i for i, v in enumerate(intents)}, {v: i for i, v in enumerate(tags)}
        by_length, known, keeps = {}, {}, {t: set(n) for t, n in (few or {}).items()}
        for number, u in enumerate(utterances):
            by_length.setdefault(len(u.words), []).append(number)
        for w in {w for u in utterances for w in u.words}:
            known[w] = vocabulary.ids(w), flags(w)

        def tensor(values):
            return torch.tensor(values, device=device)

        def keep(task, number):
            return task not in keeps or number in keeps[task]

        self.groups = []
        for _, numbers in sorted(by_length.items()):
            chosen = [utterances[n] for n in numbers]
            self.groups.append((
                tensor([[known[w][0] for w in u.words] for u in chosen]),
                tensor([[known[w][1] for w in u.words] for u in chosen]),
                tensor([intent_at[u.intent] if keep("intent", n) else HIDDEN_LABEL for n, u in zip(numbers, chosen)]),
                tensor([[tag_at[t] for t in u.tags] for u in chosen]),
                tensor([float(keep("slots", n)) for n in numbers]),
                np.array(numbers),
            ))

    def batches(self, size, rngs, repeated=(), repeat=1):
        """One epoch of (group, rows [nets, batch]), in random order, the rows by each net's own generator. Utterances of
        `repeated` come `repeat` times."""
        found = []
        for group in self.groups:
            rows = np.arange(len(group[-1]))
            if repeat > 1:
                rows = np.concatenate([rows, *[rows[np.isin(group[-1], list(repeated))]] * (repeat - 1)])
            rows = np.stack([rng.permutation(rows) for rng in rngs])
            found += [(group, torch.from_numpy(rows[:, i:i + size])) for i in range(0, rows.shape[1], size)]
        rngs[0].shuffle(found)
        return found


@torch.no_grad()
def answers(model, corpus):
    """({utterance number: intent}, {utterance number: labels}) as numbers; empty where the net lacks the task."""
    model.eval()
    said, paths = {}, {}
    for ids, marks, *_, numbers in corpus.groups:
        for rows in torch.arange(len(ids)).split(256):
            intent, scores = model(ids[rows], marks[rows])
            if intent is not None:
                said |= dict(zip(numbers[rows.numpy()].tolist(), intent.argmax(-1).tolist()))
            if scores is not None:
                paths |= dict(zip(numbers[rows.numpy()].tolist(), model.chain.best(scores).tolist()))
    return said, paths


def figures(utterances, said, paths):
    """Per cent: intent right, slot F1 (whole slots, by their place in the text), and all right. `said` and `paths` hold
    labels, by utterance number; either may be empty."""
    out, intent_ok, slots_ok = {}, None, None
    if said:
        intent_ok = [said[n] == u.intent for n, u in enumerate(utterances)]
        out["intent"] = 100 * float(np.mean(intent_ok))
    if paths:
        wanted = [set(u.slots) for u in utterances]
        found = [{(k, u.places[a][0], u.places[b - 1][1]) for k, a, b in spans(paths[n])} for n, u in enumerate(utterances)]
        hits = sum(len(a & b) for a, b in zip(wanted, found))
        out["slot_f1"] = 200 * hits / (sum(map(len, wanted)) + sum(map(len, found)))
        slots_ok = [a == b for a, b in zip(wanted, found)]
    if said and paths:
        out["exact"] = 100 * float(np.mean(np.logical_and(intent_ok, slots_ok)))
    return out


def evaluate(model, utterances, vocabulary, intents, tags, device="cpu"):
    said, paths = answers(model, Corpus(utterances, vocabulary, intents, tags, device=device))
    return figures(utterances, {n: intents[i] for n, i in said.items()}, {n: [tags[i] for i in p] for n, p in paths.items()})


def losses(model, settings, ids, marks, wanted, tags, keep):
    """{task: mean loss over the labelled utterances of the batch}."""
    intent, slots = model(ids, marks, tags, keep)
    found = {}
    if intent is not None:
        known = (wanted >= 0).sum().clamp(min=1)
        loss = cross_entropy(intent, wanted, ignore_index=HIDDEN_LABEL, label_smoothing=settings.smooth, reduction="sum")
        found["intent"] = settings.intent_weight * loss / known
    if slots is not None:
        found["slots"] = slots
    return found


def seeded(seed, vocabulary, intents, tags, settings):
    torch.manual_seed(seed)
    return Assistant(vocabulary.sizes(), intents, tags, settings)


@dataclass
class Wanted:
    """A net to train. `given` is (net, vocabulary) of one whose free weights are to be fitted, with no word hidden."""

    utterances: list
    seed: int
    settings: Settings
    given: tuple = ()


def train(utterances, intents, tags, seed, settings=Settings(), check=None, say=print, device="cpu"):
    """One net from one seed: (model, vocabulary, seconds of the training loop: of CPU on the CPU, of the clock elsewhere).
    `check(model, vocabulary)` is called after every second epoch and only reported: the last weights are kept."""
    def report(epoch, spent, model, vocabulary):
        if check and say and epoch % 2:
            scores = ", ".join(f"{k} {v:.2f}" for k, v in check(model, vocabulary).items())
            say(f"  seed {seed}, epoch {epoch + 1}: dev {scores}; {spent:.0f} s")

    nets, seconds = train_beside([Wanted(utterances, seed, settings)], intents, tags, device, report)
    return *nets[0], seconds


def train_beside(wanted, intents, tags, device="cpu", report=None):
    """Nets that agree in the lengths of their utterances and in how long they train, side by side: ([(model, vocabulary)], seconds).
    Nets of the same utterances share their tensors."""
    vocabularies, corpora, nets, hides = {}, {}, [], []
    for w in wanted:
        key = id(w.utterances), w.settings.minimum
        if not w.given and key not in vocabularies:
            vocabularies[key] = Vocabulary([u.words for u in w.utterances], TABLES, w.settings.minimum)
        model, vocabulary = w.given or (seeded(w.seed, vocabularies[key], intents, tags, w.settings), vocabularies[key])
        nets.append((model.to(device), vocabulary))
        likely = w.settings.hide / (w.settings.hide + torch.tensor(vocabulary.word_counts, dtype=torch.float32, device=device))
        hides.append(None if w.given else likely)
        key = id(w.utterances), id(vocabulary), str(w.settings.few)
        if key not in corpora:
            corpora[key] = Corpus(w.utterances, vocabulary, intents, tags, w.settings.few, device)
        w.corpus = corpora[key]
    s, rngs = wanted[0].settings, [np.random.default_rng(w.seed) for w in wanted]
    repeated = set().union(*map(set, s.few.values())) if s.few else ()
    places = {id(group): n for n, group in enumerate(wanted[0].corpus.groups)}
    plan = [[(places[id(g)], rows) for g, rows in wanted[0].corpus.batches(s.batch, rngs, repeated, s.repeat)] for _ in range(s.epochs)]
    total = sum(len(p) for p in plan)

    def losses_of(w):
        return lambda model, *batch: losses(model, w.settings, *batch)

    def pace(n):
        return s.rate * min((n + 1) / s.warm_up, max(0.02, 1 - 0.98 * (n - s.warm_up) / max(1, total - s.warm_up)))

    seconds = teach([model for model, _ in nets], [losses_of(w) for w in wanted], [Sum(w.settings.tasks, model) for w, (model, _) in zip(wanted, nets)],
                    hides, [[group[:-1] for group in w.corpus.groups] for w in wanted], plan, (0, 0, HIDDEN_LABEL, 0, 0), s.batch, pace, device,
                    report and (lambda epoch, spent: report(epoch, spent, *nets[0])))
    return nets, seconds


SMALL = 1000  # arrays with fewer values stay float32


def rounded(model):
    """The weights as the graph file holds them: large ones in float16."""
    return {k: (v.half() if v.numel() >= SMALL else v).cpu() for k, v in model.state_dict().items()}
