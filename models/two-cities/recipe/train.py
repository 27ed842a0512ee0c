"""Training of one network from one seed, on random stretches of the same days in both cities that are scored at every day,
so that histories of every length are learned. Weights are averaged along the way (EMA); the best average on validation is kept."""
import copy
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from days import FIRST_TARGET, target_days, training_days
from model import INPUTS, TwoCities, steps_of

LOW, HIGH = 0.1, 0.9


@dataclass
class Settings:
    """Chosen on validation over a handful of values."""

    updates: int = 600
    batch: int = 48  # stretches an update
    stretch: int = 14  # days a stretch
    rate: float = 8e-3
    decay: float = 0.3
    check_every: int = 25


def pinball(error, q):
    return torch.maximum(q * error, (q - 1) * error)


def losses(model, x, rain, temp_max):
    """The loss of each task at every step, two times [batch, time]. Bounds learn beside a value they do not move."""
    logit = model.seattle.every_step(x["seattle"])[..., 0]
    v, a, b = model.new_york.every_step(x["new_york"]).unbind(-1)
    y = (temp_max - model.target_mean) / model.target_sd
    error = (y - v).detach()
    number = smooth_l1_loss(v, y, beta=0.5, reduction="none") + pinball(error + a.exp(), LOW) + pinball(error - b.exp(), HIGH)
    return binary_cross_entropy_with_logits(logit, rain, reduction="none"), number


def by_input(cities):
    return {k: next(c for c in cities if c.name == name) for k, name in INPUTS.items()}


def windows(cities, split, length=FIRST_TARGET):
    """Histories of up to `length` days before each target day, the same days in both cities: x {input: [n, length, 5]}
    padded with zeros at the end, lengths {input: [n]}, and the targets rain (Seattle) and temp_max (New York), [n]."""
    named = by_input(cities)
    days = target_days(named["seattle"], split)
    lengths = np.minimum(days, length)
    x = {}
    for k, city in named.items():
        steps = steps_of(city)
        x[k] = np.stack([np.pad(steps[d - n:d], ((0, length - n), (0, 0))) for d, n in zip(days, lengths)])
    return x, dict.fromkeys(named, lengths), named["seattle"].rain[days], named["new_york"].numbers[days, 1]


def train(cities, seed, settings=Settings(), say=print):
    """Returns (model, its validation loss, CPU seconds)."""
    began = time.process_time()
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    named = by_input(cities)
    last = training_days(named["seattle"])
    steps = {k: steps_of(c)[:last] for k, c in named.items()}
    rain, temp_max = named["seattle"].rain[:last], named["new_york"].numbers[:last, 1]
    model = TwoCities(steps)
    optimiser = torch.optim.AdamW(model.parameters(), settings.rate, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.updates, settings.rate / 20)
    average = copy.deepcopy(model)
    x, _, *targets = windows(cities, "validation")
    check = {k: torch.from_numpy(v) for k, v in x.items()}, *(torch.from_numpy(t)[:, None].expand(-1, FIRST_TARGET) for t in targets)
    best, best_loss, at = None, float("inf"), 0
    for update in range(1, settings.updates + 1):
        days = rng.integers(0, last - settings.stretch, settings.batch)[:, None] + np.arange(settings.stretch)
        x = {k: torch.from_numpy(v[days]) for k, v in steps.items()}
        loss = sum(each.mean() for each in losses(model, x, torch.from_numpy(rain[days + 1]), torch.from_numpy(temp_max[days + 1])))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            for mean, now in zip(average.parameters(), model.parameters()):
                mean.lerp_(now, 10 / (update + 10))
            if update % settings.check_every == 0:
                now = float(sum(each[:, -1].mean() for each in losses(average, *check)))
                if now < best_loss:
                    best, best_loss, at = copy.deepcopy(average), now, update
    seconds = time.process_time() - began
    say(f"  seed {seed}: validation loss {best_loss:.4f} after {at} updates, {seconds:.1f} CPU seconds")
    return best.eval(), best_loss, seconds
