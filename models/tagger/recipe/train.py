"""Training of one network from one seed, for the served model and for every net of the study. Batches are up to 32
sentences of one length, so nothing is padded; a word is hidden with probability .25 / (.25 + count)."""
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from balance import BALANCE, Sum
from beside import teach
from data import TASKS, WORD_TASKS
from model import TABLES, Tagger
from words import Vocabulary, flags


@dataclass
class Settings:
    tasks: tuple = tuple(TASKS)
    hidden: int = 128
    widths: tuple = (48, 24, 12, 12)
    epochs: int = 10
    batch: int = 32
    rate: float = 3e-3
    warm_up: int = 100
    dropout: float = 0.33
    hide: float = 0.25
    genre_weight: float = 0.05  # of the fixed weights
    balance: str = "fixed"  # or a way of recipes/balance.py
    trunk: str = "lstm"
    layers: int = 1
    branch: int = 0
    stitch: int = 0
    told: float = 1.0  # share of the branch's gradient that reaches the tables
    own: tuple = ()  # widths of the branch's own tables
    minimum: tuple = (2, 3, 3, 3)  # how often a word, suffix or prefix must occur to have a row
    few: dict = field(default_factory=dict)  # task -> sentence numbers that keep the task's labels; others lose them
    repeat: int = 1  # how often those sentences come in an epoch


class Corpus:
    """Sentences as tensors, grouped by length: `groups` are (ids, flags, {task: labels}, sentence numbers)."""

    def __init__(self, sentences, vocabulary, labels, few=None, device="cpu"):
        places = {task: {label: i for i, label in enumerate(names)} for task, names in labels.items()}
        by_length = {}
        for number, s in enumerate(sentences):
            by_length.setdefault(len(s.words), []).append(number)
        known, self.groups, few = {}, [], {t: set(n) for t, n in (few or {}).items()}
        for _, numbers in sorted(by_length.items()):
            chosen = [sentences[n] for n in numbers]
            for w in {w for s in chosen for w in s.words} - known.keys():
                known[w] = vocabulary.ids(w), flags(w)
            ids = torch.tensor([[known[w][0] for w in s.words] for s in chosen])
            marks = torch.tensor([[known[w][1] for w in s.words] for s in chosen])
            answers = {}
            for task, place in places.items():
                if task in WORD_TASKS:
                    rows = [[place.get(label, -1) for label in s.labels[task]] for s in chosen]
                else:
                    rows = [place[s.labels[task]] for s in chosen]
                answers[task] = torch.tensor(rows)
                if task in few:
                    answers[task][torch.tensor([n not in few[task] for n in numbers])] = -100
            self.groups.append((ids.to(device), marks.to(device), {t: v.to(device) for t, v in answers.items()}, torch.tensor(numbers)))

    def batches(self, size, repeated, repeat, rngs):
        """One epoch of (group, rows [nets, batch]), in random order, the rows by each net's own generator. Sentences of
        `repeated` come `repeat` times."""
        found = []
        for group in self.groups:
            numbers = group[3].numpy()
            rows = np.arange(len(numbers))
            if repeat > 1:
                rows = np.concatenate([rows, *[rows[np.isin(numbers, list(repeated))]] * (repeat - 1)])
            rows = np.stack([shuffled(rows, rng) for rng in rngs])
            found += [(group, torch.from_numpy(rows[:, i:i + size])) for i in range(0, rows.shape[1], size)]
        rngs[0].shuffle(found)
        return found


def shuffled(rows, rng):
    rows = rows.copy()
    rng.shuffle(rows)
    return rows


@torch.no_grad()
def accuracy(model, corpus):
    """Per cent right, by task; a label never seen in training counts as wrong."""
    model.eval()
    right, count = dict.fromkeys(model.heads, 0), dict.fromkeys(model.heads, 0)
    for ids, marks, answers, _ in corpus.groups:
        for rows in torch.arange(len(ids)).split(256):
            for task, logits in model(ids[rows], marks[rows]).items():
                right[task] += int((logits.argmax(-1) == answers[task][rows]).sum())
                count[task] += answers[task][rows].numel()
    return {task: 100 * right[task] / count[task] for task in right}


def losses(model, tasks, ids, marks, *answers):
    """{task: mean cross-entropy of the labelled words (or sentences) of the batch}; `answers` in the order of `tasks`."""
    logits, found = model(ids, marks), {}
    for task, wanted in zip(tasks, answers):
        known = (wanted >= 0).sum().clamp(min=1)
        found[task] = cross_entropy(logits[task].flatten(0, -2), wanted.flatten(), ignore_index=-100, reduction="sum") / known
    return found


def network(vocabulary, labels, settings):
    """An untrained net with the heads of the settings' tasks."""
    s = settings
    return Tagger(vocabulary.sizes(), {t: len(labels[t]) for t in s.tasks}, s.hidden, s.widths, s.dropout, s.trunk, s.layers, s.branch, s.stitch, s.told, s.own)


def balance(settings, net):
    if settings.balance != "fixed":
        return BALANCE[settings.balance](settings.tasks, net)
    return Sum(settings.tasks, net, {"genre": settings.genre_weight} if len(settings.tasks) > 1 else {})


def seeded(seed, vocabulary, labels, settings):
    torch.manual_seed(seed)
    return network(vocabulary, labels, settings)


@dataclass
class Wanted:
    """A net to train. `given` is (net, vocabulary) of one whose free weights are to be fitted, with no word hidden."""

    sentences: list
    seed: int
    settings: Settings
    given: tuple = ()


def train(sentences, labels, seed, settings=Settings(), check=None, say=print, device="cpu"):
    """One net from one seed: (model, vocabulary, seconds of the training loop: of CPU on the CPU, of the clock elsewhere).
    `check(model, vocabulary)` is called after every epoch and only reported: the last weights are kept."""
    def report(epoch, spent, model, vocabulary):
        if check and say:
            scores = ", ".join(f"{k} {v:.2f}" for k, v in check(model, vocabulary).items())
            say(f"  seed {seed}, epoch {epoch + 1}: dev {scores}; {spent:.0f} s")

    nets, seconds = train_beside([Wanted(sentences, seed, settings)], labels, device, report)
    return *nets[0], seconds


def train_beside(wanted, labels, device="cpu", report=None):
    """Nets that agree in the lengths of their sentences and in how long they train, side by side: ([(model, vocabulary)], seconds).
    Nets of the same sentences share their tensors."""
    vocabularies, corpora, nets, hides = {}, {}, [], []
    for w in wanted:
        key = id(w.sentences), w.settings.minimum
        if not w.given and key not in vocabularies:
            vocabularies[key] = Vocabulary([s.words for s in w.sentences], TABLES, w.settings.minimum)
        model, vocabulary = w.given or (seeded(w.seed, vocabularies[key], labels, w.settings), vocabularies[key])
        nets.append((model.to(device), vocabulary))
        likely = w.settings.hide / (w.settings.hide + torch.tensor(vocabulary.word_counts, dtype=torch.float32, device=device))
        hides.append(None if w.given else likely)
        key = id(w.sentences), id(vocabulary), str(w.settings.few)
        if key not in corpora:
            corpora[key] = Corpus(w.sentences, vocabulary, labels, w.settings.few, device)
        w.corpus = corpora[key]
    s, rngs = wanted[0].settings, [np.random.default_rng(w.seed) for w in wanted]
    repeated = set().union(*s.few.values()) if s.few else set()
    places = {id(group): n for n, group in enumerate(wanted[0].corpus.groups)}
    plan = [[(places[id(g)], rows) for g, rows in wanted[0].corpus.batches(s.batch, repeated, s.repeat, rngs)] for _ in range(s.epochs)]
    total = sum(len(p) for p in plan)

    def losses_of(w):
        return lambda model, *batch: losses(model, w.settings.tasks, *batch)

    def pace(n):
        return s.rate * min((n + 1) / s.warm_up, max(0.02, 1 - 0.98 * (n - s.warm_up) / max(1, total - s.warm_up)))

    seconds = teach(
        [model for model, _ in nets], [losses_of(w) for w in wanted], [balance(w.settings, model) for w, (model, _) in zip(wanted, nets)], hides,
        [[(ids, marks, *(answers[t] for t in w.settings.tasks)) for ids, marks, answers, _ in w.corpus.groups] for w in wanted],
        plan, (0, 0, *[-100] * len(TASKS)), s.batch, pace, device, report and (lambda epoch, spent: report(epoch, spent, *nets[0])))
    return nets, seconds
