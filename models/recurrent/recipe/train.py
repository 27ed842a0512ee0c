"""Training of one network from one seed, on random stretches of days that are scored at every day, so that histories of
every length from one day on are learned. Weights are averaged along the way (EMA); the best average on validation is kept."""
import copy
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import smooth_l1_loss

from days import FIRST_TARGET, target_days, training_days
from model import Recurrent, steps_of

LOW, HIGH = 0.1, 0.9


@dataclass
class Settings:
    """Chosen on validation over a handful of values."""

    updates: int = 1000
    batch: int = 48  # stretches an update
    stretch: int = 12  # days a stretch
    rate: float = 3e-3
    decay: float = 0.3
    check_every: int = 25


def pinball(error, q):
    return torch.maximum(q * error, (q - 1) * error)


def losses(model, x, y):
    """The loss at every step, [batch, time]; y [batch, time, 2] in deg C. Bounds learn beside a value they do not move."""
    (v, a, b), _ = model(x)
    y = (y - model.target_mean) / model.target_sd
    error = (y - v).detach()
    each = smooth_l1_loss(v, y, beta=0.5, reduction="none") + pinball(error + a.exp(), LOW) + pinball(error - b.exp(), HIGH)
    return each.sum(-1)


def windows(cities, split, length=FIRST_TARGET):
    """x [n, length, 6]: up to `length` days before each target day, padded with zeros at the end;
    lengths [n]; y [n, 2]: the temperatures of the target days."""
    xs, lengths, ys = [], [], []
    for city in cities:
        steps, days = steps_of(city), target_days(city, split)
        for day in days:
            history = steps[max(0, day - length):day]
            lengths.append(len(history))
            xs.append(np.pad(history, ((0, length - len(history)), (0, 0))))
        ys.append(city.numbers[days, 1:3])
    return np.stack(xs), np.array(lengths), np.concatenate(ys)


def predict(model, x, lengths):
    """The answers after each history's last day, {tensor: [n]}."""
    found = model.answers(torch.from_numpy(x).to(model.mean.dtype))
    return {k: v.numpy()[np.arange(len(x)), lengths - 1] for k, v in found.items() if k != "hn"}


def train(cities, seed, settings=Settings(), say=print):
    """Returns (model, its validation loss, CPU seconds)."""
    began = time.process_time()
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    known = [(steps_of(c)[:training_days(c)], c.numbers[:training_days(c), 1:3]) for c in cities]
    model = Recurrent(np.concatenate([steps for steps, _ in known]))
    optimiser = torch.optim.AdamW(model.parameters(), settings.rate, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.updates, settings.rate / 20)
    average = copy.deepcopy(model)
    x, _, y = (torch.from_numpy(a) for a in windows(cities, "validation"))
    best, best_loss, at = None, float("inf"), 0
    for update in range(1, settings.updates + 1):
        xs, ys = [], []
        for _ in range(settings.batch):
            steps, numbers = known[rng.integers(len(known))]
            first = int(rng.integers(0, len(steps) - settings.stretch))
            xs.append(steps[first:first + settings.stretch])
            ys.append(numbers[first + 1:first + 1 + settings.stretch])
        loss = losses(model, torch.from_numpy(np.stack(xs)), torch.from_numpy(np.stack(ys))).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            for mean, now in zip(average.parameters(), model.parameters()):
                mean.lerp_(now, 10 / (update + 10))
            if update % settings.check_every == 0:
                now = float(losses(average, x, y[:, None].expand(-1, x.shape[1], -1))[:, -1].mean())
                if now < best_loss:
                    best, best_loss, at = copy.deepcopy(average), now, update
    seconds = time.process_time() - began
    say(f"  seed {seed}: validation loss {best_loss:.4f} after {at} updates, {seconds:.1f} CPU seconds")
    return best.eval(), best_loss, seconds
