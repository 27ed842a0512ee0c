"""Training of one network from one seed. Each update sees random stretches of the training days and is scored at every
day of them, so that histories of every length from one day on are learned. Weights are averaged along the way (EMA),
and the average with the lowest validation loss is kept."""
import copy
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, smooth_l1_loss

from data import TASKS, target_days, windows
from model import HIDDEN, Weather

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
    trunk: str = "lstm"
    hidden: int = HIDDEN
    tasks: tuple = tuple(TASKS)
    balance: str = "uncertainty"  # or "equal": the plain sum of the losses
    labelled: dict = field(default_factory=dict)  # the study: task -> the days (city, day) that keep its label


def pinball(error, q):
    return torch.maximum(q * error, (q - 1) * error)


def losses(model, outputs, targets):
    """One loss a head, [tasks]. Bounds learn their quantiles beside a value they do not move. `targets` may hold
    <task>_known, true where the label may be learned."""
    rain, weather, numbers = outputs

    def mean(task, loss, value, wanted):
        known = targets.get(f"{task}_known")
        if known is None:
            return loss(value, wanted)
        return (loss(value, wanted, reduction="none") * known.flatten()).sum() / known.sum().clamp(min=1)

    found = []
    if rain is not None:
        found.append(mean("rain", binary_cross_entropy_with_logits, rain.flatten(), targets["rain"].flatten()))
    if weather is not None:
        found.append(mean("weather", cross_entropy, weather.flatten(0, -2), targets["weather"].flatten()))
    if numbers is not None:
        v, a, b = numbers
        y = (torch.stack([targets[h] for h in model.values], -1) - model.target_mean) / model.target_sd
        error = (y - v).detach()
        each = smooth_l1_loss(v, y, beta=0.5, reduction="none") + pinball(error + a.exp(), LOW) + pinball(error - b.exp(), HIGH)
        each = each.flatten(0, -2)
        known = [targets.get(f"{h}_known", torch.ones(len(each))).flatten() for h in model.values]
        few = any(f"{h}_known" in targets for h in model.values)
        found += [(e * k).sum() / k.sum().clamp(min=1) for e, k in zip(each.unbind(-1), known)] if few else each.mean(0)
    return torch.stack(found)


def training_days(cities, settings):
    """Every day of the cities one after the other: (steps, targets by head, first row of each city)."""
    starts = np.cumsum([0, *(len(c.steps) for c in cities)])
    each = [c.targets(np.arange(len(c.steps))) for c in cities]
    targets = {k: np.concatenate([t[k] for t in each]) for k in each[0]}
    for task, days in settings.labelled.items():
        targets[f"{task}_known"] = np.zeros(starts[-1], bool)
        targets[f"{task}_known"][[starts[city] + day for city, day in days]] = True
    return np.concatenate([c.steps for c in cities]), targets, starts


def stretches(days, last, settings, rng):
    """A batch of random stretches that end on or before each city's last training day: x [batch, time, 7], targets."""
    steps, targets, starts = days
    rows = []
    for _ in range(settings.batch):
        city = rng.integers(len(last))
        rows.append(starts[city] + rng.integers(0, last[city] - settings.stretch + 1))
    rows = np.array(rows)[:, None] + np.arange(settings.stretch)
    return torch.from_numpy(steps[rows]), {k: torch.from_numpy(v[rows + 1]) for k, v in targets.items()}


@torch.no_grad()
def validation_loss(model, x, targets):
    """The summed losses after the last day of full histories."""
    rain, weather, numbers = model.every_step(x)
    last = [None if v is None else [n[:, -1] for n in v] if isinstance(v, tuple) else v[:, -1] for v in (rain, weather, numbers)]
    return float(losses(model, last, targets).sum())


def train(cities, seed, settings=Settings(), say=print):
    """Returns (model, its validation loss). The heads' losses are balanced by learned uncertainty weights
    (Kendall, Gal and Cipolla 2018, arXiv 1705.07115): exp(-s) L + s / 2."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    last = [target_days(c, "train")[-1] for c in cities]
    model = Weather(np.concatenate([c.steps[:n + 1] for c, n in zip(cities, last)]), settings.dropout,
                    settings.trunk, settings.hidden, settings.tasks)
    log_variance = torch.zeros(len(settings.tasks), requires_grad=settings.balance == "uncertainty")
    days = training_days(cities, settings)
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
        x, targets = stretches(days, last, settings, rng)
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
    if say:
        say(f"  seed {seed}: validation loss {best_loss:.4f}, stopped after {update} updates")
    return best, best_loss
