"""Training of one network from one seed. Each update sees random stretches of the training days and is scored at every
day of them, so that histories of every length from one day on are learned. Weights are averaged along the way (EMA),
and the average with the lowest validation loss is kept."""
import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, smooth_l1_loss

from data import target_days, windows
from model import Weather
from scores import REGRESSIONS

LOW, HIGH = 0.1, 0.9


@dataclass
class Settings:
    """Chosen on validation over a handful of values each; most differences were within seed noise."""

    updates: int = 1500
    batch: int = 48  # stretches an update
    stretch: int = 10  # days a stretch
    rate: float = 4e-3
    decay: float = 0.01
    dropout: float = 0.3  # on the trunk's output only
    check_every: int = 25
    patience: int = 20  # checks without a better validation loss


def pinball(error, q):
    return torch.maximum(q * error, (q - 1) * error)


def losses(model, outputs, targets):
    """One loss a head, [5]. Bounds learn their quantiles beside a value they do not move."""
    rain, weather, (v, a, b) = outputs
    classes = [
        binary_cross_entropy_with_logits(rain[..., 0], targets["rain"]),
        cross_entropy(weather.flatten(0, -2), targets["weather"].flatten()),
    ]
    y = (torch.stack([targets[h] for h in REGRESSIONS], -1) - model.target_mean) / model.target_sd
    error = (y - v).detach()
    each = smooth_l1_loss(v, y, beta=0.5, reduction="none") + pinball(error + a.exp(), LOW) + pinball(error - b.exp(), HIGH)
    return torch.stack([*classes, *each.flatten(0, -2).mean(0)])


def stretches(cities, last, settings, rng):
    """A batch of random stretches that end on or before each city's last training day: x [batch, time, 7], targets."""
    xs, ys = [], []
    for _ in range(settings.batch):
        city = rng.integers(len(cities))
        first = rng.integers(0, last[city] - settings.stretch + 1)
        days = np.arange(first, first + settings.stretch)
        xs.append(cities[city].steps[days])
        ys.append(cities[city].targets(days + 1))
    return torch.from_numpy(np.stack(xs)), {k: torch.from_numpy(np.stack([y[k] for y in ys])) for k in ys[0]}


@torch.no_grad()
def validation_loss(model, x, targets):
    """The summed losses after the last day of full histories."""
    rain, weather, numbers = model.every_step(x)
    last = (rain[:, -1], weather[:, -1], [n[:, -1] for n in numbers])
    return float(losses(model, last, targets).sum())


def train(cities, seed, settings=Settings(), say=print):
    """Returns (model, its validation loss). The heads' losses are balanced by learned uncertainty weights
    (Kendall, Gal and Cipolla 2018, arXiv 1705.07115): exp(-s) L + s / 2."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    last = [target_days(c, "train")[-1] for c in cities]
    model = Weather(np.concatenate([c.steps[:n + 1] for c, n in zip(cities, last)]), settings.dropout)
    log_variance = torch.zeros(5, requires_grad=True)
    optimiser = torch.optim.AdamW([
        {"params": model.parameters(), "weight_decay": settings.decay},
        {"params": [log_variance], "weight_decay": 0.0},
    ], lr=settings.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.updates, settings.rate / 20)
    average = copy.deepcopy(model).eval()
    x, _, targets = windows(cities, "validation", 14)
    check = torch.from_numpy(x), {k: torch.from_numpy(v) for k, v in targets.items()}
    best, best_loss, waited = None, float("inf"), 0
    for update in range(1, settings.updates + 1):
        x, targets = stretches(cities, last, settings, rng)
        model.train()
        each = losses(model, model.every_step(x), targets)
        optimiser.zero_grad()
        (torch.exp(-log_variance) * each + log_variance / 2).sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            for a, p in zip(average.parameters(), model.parameters()):
                a.lerp_(p, 10 / (update + 10))  # about the last tenth of all updates
        if update % settings.check_every == 0:
            now = validation_loss(average, *check)
            waited += 1
            if now < best_loss:
                best, best_loss, waited = copy.deepcopy(average), now, 0
            if waited >= settings.patience:
                break
    say(f"  seed {seed}: validation loss {best_loss:.4f}, stopped after {update} updates")
    return best, best_loss
