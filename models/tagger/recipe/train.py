"""Training of one network from one seed, for the served model and for every net of the study. Batches are up to 32
sentences of one length, so nothing is padded; a word is hidden with probability .25 / (.25 + count)."""
import time
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from data import TASKS, WORD_TASKS
from features import Vocabulary, flags
from model import Tagger


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
    genre_weight: float = 0.05
    minimum: tuple = (2, 3, 3, 3)  # how often a word, suffix or prefix must occur to have a row
    few: dict = field(default_factory=dict)  # task -> sentence numbers that keep the task's labels; others lose them
    repeat: int = 1  # how often those sentences come in an epoch


class Corpus:
    """Sentences as tensors, grouped by length: `groups` are (ids, flags, {task: labels}, sentence numbers)."""

    def __init__(self, sentences, vocabulary, labels, few=None):
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
            self.groups.append((ids, marks, answers, torch.tensor(numbers)))

    def batches(self, size, repeated, repeat, rng):
        """One epoch of (group, rows), in random order. Sentences of `repeated` come `repeat` times."""
        found = []
        for group in self.groups:
            numbers = group[3].numpy()
            rows = np.arange(len(numbers))
            if repeat > 1:
                rows = np.concatenate([rows, *[rows[np.isin(numbers, list(repeated))]] * (repeat - 1)])
            rng.shuffle(rows)
            found += [(group, torch.from_numpy(rows[i:i + size])) for i in range(0, len(rows), size)]
        rng.shuffle(found)
        return found


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


def total_loss(logits, answers, rows, genre_weight):
    """The sum over heads of the mean cross-entropy of the labelled words (or sentences) of the batch."""
    total = 0.0
    for task, values in logits.items():
        wanted = answers[task][rows].flatten()
        known = int((wanted >= 0).sum())
        if known:
            weight = genre_weight if task == "genre" and len(logits) > 1 else 1.0
            total = total + weight * cross_entropy(values.flatten(0, -2), wanted, ignore_index=-100, reduction="sum") / known
    return total


def train(sentences, labels, seed, settings=Settings(), check=None, say=print):
    """Returns (model, vocabulary, CPU seconds of the training loop). `check(model, vocabulary)` is called after every
    epoch and only reported: the last weights are kept."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    vocabulary = Vocabulary(sentences, settings.minimum)
    corpus = Corpus(sentences, vocabulary, {t: labels[t] for t in settings.tasks}, settings.few)
    classes = {task: len(labels[task]) for task in settings.tasks}
    model = Tagger(vocabulary.sizes(), classes, settings.hidden, settings.widths, settings.dropout)
    hide = settings.hide / (settings.hide + torch.tensor(vocabulary.word_counts, dtype=torch.float32))
    repeated = set().union(*settings.few.values()) if settings.few else set()
    plan = [corpus.batches(settings.batch, repeated, settings.repeat, rng) for _ in range(settings.epochs)]
    total = sum(len(p) for p in plan)
    optimiser = torch.optim.Adam(model.parameters(), lr=settings.rate, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda n: min(
        (n + 1) / settings.warm_up, max(0.02, 1 - 0.98 * (n - settings.warm_up) / max(1, total - settings.warm_up))))
    cpu = 0.0
    for epoch, batches in enumerate(plan):
        model.train()
        start = time.process_time()
        for (ids, marks, answers, _), rows in batches:
            ids = ids[rows]
            hidden = torch.rand(ids.shape[:2]) < hide[ids[..., 0]]
            ids = torch.cat([ids[..., :1].masked_fill(hidden[..., None], 0), ids[..., 1:]], -1)
            optimiser.zero_grad()
            loss = total_loss(model(ids, marks[rows]), answers, rows, settings.genre_weight)
            if torch.is_tensor(loss):
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimiser.step()
            schedule.step()
        cpu += time.process_time() - start
        if check and say:
            scores = ", ".join(f"{k} {v:.2f}" for k, v in check(model, vocabulary).items())
            say(f"  seed {seed}, epoch {epoch + 1}: dev {scores}; {cpu:.0f} CPU s")
    return model.eval(), vocabulary, cpu
