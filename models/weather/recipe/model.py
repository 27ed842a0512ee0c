"""The network: raw days in, five heads out. Everything between, features and units included, is part of the graph.
No operator whose result depends on its place in a vector (Log, Sin, Cos, Softplus): a sequence answers bit for bit the
same alone and beside others. So the season is a table, rain enters as its root and interval widths are exponentials."""
import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from data import TASKS, WEATHER
from recurrence import Stack
from scores import REGRESSIONS

HIDDEN = 32
BOUNDS = ("", "_lower", "_upper")


def season_table():
    """[367, 2]: row d is (sin, cos) of day d of the year; row 0 is for padding only."""
    angle = np.arange(367) * (2 * np.pi / 365.25)
    return torch.tensor(np.stack([np.sin(angle), np.cos(angle)], 1) * np.sqrt(2), dtype=torch.float32)


class Features(nn.Module):
    """Raw days [.., 7] to standardised features [.., 13]."""

    size = 8 + len(WEATHER)

    def __init__(self, steps):
        """`steps` [n, 7]: the training days, for means and standard deviations."""
        super().__init__()
        numbers = np.concatenate([np.sqrt(steps[:, 0:1]), steps[:, 1:4]], 1).astype(np.float64)
        self.register_buffer("mean", torch.tensor(numbers.mean(0), dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(1 / numbers.std(0), dtype=torch.float32))
        self.register_buffer("season", season_table())
        self.register_buffer("kinds", torch.eye(len(WEATHER)))

    def forward(self, x):
        rain = torch.relu(x[..., 0:1])
        numbers = (torch.cat([rain.sqrt(), x[..., 1:4]], -1) - self.mean) * self.scale
        wet = (rain > 0).to(x.dtype)
        # Clamped, so that no value whatever can make the lookup fail for the whole batch.
        kind = self.kinds[x[..., 4].clamp(0, len(WEATHER) - 1).long()]
        season = self.season[x[..., 5].clamp(0, 366).long()]
        return torch.cat([numbers, wet, kind, season, x[..., 6:7]], -1)


class Weather(nn.Module):
    """One shared trunk (LSTM, or GRU) and five linear heads on [h_T, x_T]: the direct term from input to output is kept.
    A regression head answers v, a, b: the value v and its bounds v - exp(a) and v + exp(b).
    With fewer `tasks` it has only their heads."""

    def __init__(self, steps, dropout, trunk="lstm", hidden=HIDDEN, tasks=TASKS):
        super().__init__()
        self.features = Features(steps)
        self.hidden, self.state = hidden, ["h", "c"] if trunk == "lstm" else ["h"]
        if trunk in ("lstm", "gru"):
            self.trunk = {"lstm": nn.LSTM, "gru": nn.GRU}[trunk](self.features.size, hidden, batch_first=True)
        else:
            self.trunk = Stack(trunk, self.features.size, hidden, layers=2)
        self.dropout = nn.Dropout(dropout)
        width = hidden + self.features.size
        self.values = [r for r in REGRESSIONS if r in tasks]
        self.classes = [t for t in ("rain", "weather") if t in tasks]
        self.outputs = self.classes + [v + b for v in self.values for b in BOUNDS]
        self.rain = nn.Linear(width, 1) if "rain" in tasks else None
        self.weather = nn.Linear(width, len(WEATHER)) if "weather" in tasks else None
        self.numbers = nn.Linear(width, 3 * len(self.values)) if self.values else None  # all v, then all a, then all b
        place = [REGRESSIONS.index(v) for v in self.values]
        targets = steps[:, 1:4].astype(np.float64)
        self.register_buffer("target_mean", torch.tensor(targets.mean(0)[place], dtype=torch.float32))
        self.register_buffer("target_sd", torch.tensor(targets.std(0)[place], dtype=torch.float32))
        self.register_buffer("floor", torch.tensor([-273.15, -273.15, 0.0])[place])  # no wind below zero
        self.register_buffer("widen", torch.ones(len(place)))  # set by calibration, on validation

    def heads(self, h, f):
        """Logits of the classes and standardised (v, a, b), each [.., values], of the numbers; any leading axes.
        None stands for a head the net does not have."""
        z = torch.cat([self.dropout(h), f], -1)
        return (self.rain(z) if self.rain else None, self.weather(z) if self.weather else None,
                self.numbers(z).split(len(self.values), -1) if self.values else None)

    def every_step(self, x):
        """Training: the heads after every time step of full sequences [batch, time, 7]."""
        f = self.features(x)
        return self.heads(self.trunk(f)[0], f)

    def answers(self, rain, weather, numbers):
        """Probabilities, and values with their bounds in degC and m/s, in the order of `outputs`."""
        columns = []
        if self.values:
            v, a, b = numbers
            sd = self.target_sd * self.widen
            value = v * self.target_sd + self.target_mean
            triple = [value, value - torch.exp(a) * sd, value + torch.exp(b) * sd]
            columns = [torch.maximum(t, self.floor).split(1, -1) for t in triple]
        classes = [torch.sigmoid(rain)] if self.rain else []
        classes += [torch.softmax(weather, -1)] if self.weather else []
        return [*classes, *(c for head in zip(*columns) for c in head)]

    def forward(self, x, lengths, state, sorted_lengths=False):
        """The served graph. x [batch, time, 7], lengths [batch], state (h0, c0) or (h0,), each [1, batch, hidden].
        Returns the outputs, then the state at each sequence's own length: hn and cn, or hn."""
        f = self.features(x)
        if isinstance(self.trunk, Stack):  # the study's; it always starts afresh
            rows = torch.arange(len(x)), lengths - 1
            return self.answers(*self.heads(self.trunk(f)[0][rows], f[rows]))
        packed = pack_padded_sequence(f, lengths.cpu(), batch_first=True, enforce_sorted=sorted_lengths)
        found = self.trunk(packed, tuple(state) if len(state) > 1 else state[0])[1]
        after = list(found) if len(state) > 1 else [found]
        last = (lengths - 1).reshape(-1, 1, 1).expand(-1, 1, self.features.size)
        return *self.answers(*self.heads(after[0][0], torch.gather(f, 1, last)[:, 0])), *after

    def fresh(self, batch):
        """The state before the first day."""
        return [torch.zeros(1, batch, self.hidden) for _ in self.state]

    @torch.no_grad()
    def predict(self, x, lengths):
        """numpy in, {tensor: numpy} out, from a fresh state; [n, 1] outputs become [n]."""
        self.eval()
        found = self(torch.from_numpy(x), torch.from_numpy(lengths), self.fresh(len(x)))
        return {k: v.numpy()[:, 0] if v.shape[-1] == 1 else v.numpy() for k, v in zip(self.outputs, found)}
