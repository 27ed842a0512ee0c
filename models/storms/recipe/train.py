"""Training of one network from one seed, on stretches of storms that begin at a random fix, so that short histories are
learned too. Weights are averaged along the way (EMA); the average with the lowest validation loss is kept."""
import copy
import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, smooth_l1_loss

from balance import BALANCE, Sum
from data import FEATURES, pad
from model import HIDDEN, N, Storms

LOW, HIGH = 0.1, 0.9
TASKS = ("status", "intensification", "track", "wind", "pressure")
DAY = FEATURES.index("day_of_year")
KM = 111.2  # of one degree of latitude


@dataclass
class Settings:
    """Chosen on validation over a handful of values each."""

    updates: int = 600
    batch: int = 40
    rate: float = 6e-3
    decay: float = 0.02
    dropout: float = 0.2  # on the trunk's output only
    shift: float = 2.0  # degrees: each stretch is moved as a whole, and its season by as many times 5 days
    track: float = 2.0  # weight of the track; it learns more slowly than the others
    beta: float = 0.1  # of the Huber loss, in standard deviations
    check_every: int = 25
    balance: str = "fixed"  # or a way of recipes/balance.py
    trunk: str = "lstm"
    hidden: int = HIDDEN
    layers: int = 1
    stitch: bool = False


def pinball(error, q):
    return torch.maximum(q * error, (q - 1) * error)


def losses(model, x, targets, settings=Settings()):
    """One loss a task, [5], in the order of TASKS; steps without a fix 24 hours later have none.
    The track's is the mean distance in units of 200 km. Bounds learn their quantiles beside a value they do not move."""
    (status, rapid, v, a, b), _ = model(x)
    known = targets["known"]
    y = ((targets["numbers"] - x[..., :N] - model.day_mean) / model.day_sd)[known]
    v, a, b = v[known], a[known], b[known]
    off = (y - v) * model.day_sd
    east = off[:, 1] * torch.cos(torch.deg2rad(targets["numbers"][..., 0][known]))
    track = torch.sqrt(off[:, 0] ** 2 + east ** 2 + 0.01).mean() * (KM / 200)
    value = smooth_l1_loss(v, y, beta=settings.beta, reduction="none").mean(0)
    error = (y - v).detach()
    bounds = (pinball(error + a.exp(), LOW) + pinball(error - b.exp(), HIGH)).mean(0)
    return torch.stack([
        cross_entropy(status[known], targets["status"][known]),
        binary_cross_entropy_with_logits(rapid[known], targets["rapid"][known]),
        track + bounds[:2].sum(), value[2] + bounds[2], value[3] + bounds[3],
    ])


def tensors(storms):
    x, targets = pad(storms)
    return torch.from_numpy(x), {k: torch.from_numpy(v) for k, v in targets.items()}


def stretch(storm, rng, shift):
    """The storm from a random fix on (as a whole half of the time), moved a little on the map and in the season."""
    first = 0 if rng.random() < 0.5 else int(rng.integers(0, max(1, len(storm.steps) - 4)))
    found = replace(storm, **{k: getattr(storm, k)[first:].copy() for k in ("steps", "known", "numbers", "status", "rapid")})
    north, east, days = rng.normal(0, shift, 3) * (0.3, 1, 5)
    found.steps[:, :2] += np.float32((north, east))
    found.numbers[:, :2] += np.float32((north, east))
    found.steps[:, DAY] = np.clip(np.round(found.steps[:, DAY] + days), 1, 366)
    return found


def train(splits, seed, settings=Settings(), say=print):
    """Returns (model, its weighted validation loss, CPU seconds)."""
    began = time.process_time()
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    weights = torch.tensor([1.0, 1.0, settings.track, 1.0, 1.0])
    storms = [s for s in splits["train"] if s.known.any()]
    model = Storms(splits["train"], settings.dropout, settings.trunk, settings.hidden, settings.layers, settings.stitch)
    fixed = settings.balance == "fixed"
    way = Sum(TASKS, model, dict(zip(TASKS, weights.tolist()))) if fixed else BALANCE[settings.balance](TASKS, model)
    optimiser = torch.optim.AdamW([{"params": model.parameters()}, {"params": way.parameters(), "weight_decay": 0.0}], settings.rate,
                                  weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.updates, settings.rate / 50)
    average = copy.deepcopy(model).eval()
    check = tensors([s for s in splits["validation"] if s.known.any()])
    best, best_loss, at = None, float("inf"), 0
    for update in range(1, settings.updates + 1):
        pick = rng.choice(len(storms), settings.batch, replace=False)
        model.train()
        batch = tensors([stretch(storms[i], rng, settings.shift) for i in pick])

        def each_task(batch=batch):
            return dict(zip(TASKS, losses(model, *batch, settings)))

        optimiser.zero_grad()
        way.backward(each_task())
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        way.after(each_task)
        schedule.step()
        with torch.no_grad():
            for mean, now in zip(average.parameters(), model.parameters()):
                mean.lerp_(now, 10 / (update + 10))  # about the last tenth of all updates
            if update % settings.check_every == 0:
                each = losses(average, *check, settings)
                now = float((each * weights).sum())
                if now < best_loss:
                    best, best_loss, at = copy.deepcopy(average), now, update
                if update % 200 == 0:
                    say(f"  seed {seed}, update {update}: validation {now:.4f} ({', '.join(f'{v:.3f}' for v in each)})")
    seconds = time.process_time() - began
    say(f"  seed {seed}: best validation loss {best_loss:.4f} after {at} updates, {seconds:.0f} CPU seconds")
    return best, best_loss, seconds
