"""The network: raw days in, five heads out. Everything between, features and units included, is part of the graph.
No operator whose result depends on its place in a vector (Log, Sin, Cos, Softplus): a sequence answers bit for bit the
same alone and beside others. So the season is a table, rain enters as its root and interval widths are exponentials."""
import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from data import WEATHER
from scores import REGRESSIONS

HIDDEN = 32
OUTPUTS = ["rain", "weather"] + [h + s for h in REGRESSIONS for s in ("", "_lower", "_upper")]


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
    """One shared LSTM trunk and five linear heads on [h_T, x_T]: the direct term from input to output is kept.
    A regression head answers v, a, b: the value v and its bounds v - exp(a) and v + exp(b)."""

    def __init__(self, steps, dropout):
        super().__init__()
        self.features = Features(steps)
        self.trunk = nn.LSTM(self.features.size, HIDDEN, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        width = HIDDEN + self.features.size
        self.rain = nn.Linear(width, 1)
        self.weather = nn.Linear(width, len(WEATHER))
        self.numbers = nn.Linear(width, 3 * len(REGRESSIONS))  # all v, then all a, then all b
        targets = steps[:, 1:4].astype(np.float64)
        self.register_buffer("target_mean", torch.tensor(targets.mean(0), dtype=torch.float32))
        self.register_buffer("target_sd", torch.tensor(targets.std(0), dtype=torch.float32))
        self.register_buffer("floor", torch.tensor([-273.15, -273.15, 0.0]))  # no wind below zero
        self.register_buffer("widen", torch.ones(len(REGRESSIONS)))  # set by calibration, on validation

    def heads(self, h, f):
        """Logits of the classes and standardised (v, a, b), each [.., 3], of the numbers; any leading axes."""
        z = torch.cat([self.dropout(h), f], -1)
        return self.rain(z), self.weather(z), self.numbers(z).split(len(REGRESSIONS), -1)

    def every_step(self, x):
        """Training: the heads after every time step of full sequences [batch, time, 7]."""
        f = self.features(x)
        return self.heads(self.trunk(f)[0], f)

    def answers(self, rain, weather, numbers):
        """Probabilities, and values with their bounds in degC and m/s, in the order of OUTPUTS."""
        v, a, b = numbers
        sd = self.target_sd * self.widen
        value = v * self.target_sd + self.target_mean
        triple = [value, value - torch.exp(a) * sd, value + torch.exp(b) * sd]
        columns = [torch.maximum(t, self.floor).split(1, -1) for t in triple]
        return [torch.sigmoid(rain), torch.softmax(weather, -1), *(c for head in zip(*columns) for c in head)]

    def forward(self, x, lengths, h0, c0, sorted_lengths=False):
        """The served graph. x [batch, time, 7], lengths [batch], h0 and c0 [1, batch, 32].
        Returns the OUTPUTS, then hn and cn: the state at each sequence's own length."""
        f = self.features(x)
        packed = pack_padded_sequence(f, lengths.cpu(), batch_first=True, enforce_sorted=sorted_lengths)
        _, (hn, cn) = self.trunk(packed, (h0, c0))
        last = (lengths - 1).reshape(-1, 1, 1).expand(-1, 1, self.features.size)
        return *self.answers(*self.heads(hn[0], torch.gather(f, 1, last)[:, 0])), hn, cn

    @torch.no_grad()
    def predict(self, x, lengths):
        """numpy in, {tensor: numpy} out, from a fresh state; [n, 1] outputs become [n]."""
        self.eval()
        zero = torch.zeros(1, len(x), HIDDEN)
        found = self(torch.from_numpy(x), torch.from_numpy(lengths), zero, zero)
        return {k: v.numpy()[:, 0] if v.shape[-1] == 1 else v.numpy() for k, v in zip(OUTPUTS, found)}
