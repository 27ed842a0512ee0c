"""The network, one plain recurrence with the direct term from input to output:

    h_t = tanh(W_xh x_t + W_hh h_t-1 + b_h)        o_t = W_ho h_t + W_xo x_t + b_o

x_t are the standardised features of a day. o_t holds v, a, b for both temperatures of the next day: the value v and its
bounds v - exp(a) and v + exp(b), in standard deviations. Features and units are part of the graph."""
import numpy as np
import torch
from torch import nn

from days import CITIES

HIDDEN = 32
FEATURES = ["precipitation", "temp_max", "temp_min", "wind", "day_of_year", "city"]
HEADS = ["temp_max", "temp_min"]
OUTPUTS = [h + s for h in HEADS for s in ("", "_lower", "_upper")]


def steps_of(city):
    """The raw features of every day of a city: [day, 6]."""
    place = np.full((len(city.dates), 1), CITIES.index(city.name))
    return np.concatenate([city.numbers, city.season[:, None], place], 1).astype(np.float32)


def season_table():
    """[367, 2]: row d is (sin, cos) of day d of the year; row 0 is for padding only."""
    angle = np.arange(367) * (2 * np.pi / 365.25)
    return torch.tensor(np.stack([np.sin(angle), np.cos(angle)], 1) * np.sqrt(2), dtype=torch.float32)


class Recurrent(nn.Module):
    features = 7

    def __init__(self, steps):
        """`steps` [n, 6]: the training days, for means and standard deviations."""
        super().__init__()
        numbers = np.concatenate([np.sqrt(steps[:, :1]), steps[:, 1:4]], 1).astype(np.float64)
        self.register_buffer("mean", torch.tensor(numbers.mean(0), dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(1 / numbers.std(0), dtype=torch.float32))
        self.register_buffer("season", season_table())
        self.register_buffer("target_mean", torch.tensor(numbers.mean(0)[1:3], dtype=torch.float32))
        self.register_buffer("target_sd", torch.tensor(numbers.std(0)[1:3], dtype=torch.float32))
        self.register_buffer("widen", torch.ones(len(HEADS)))  # set by calibration, on validation
        self.rnn = nn.RNN(self.features, HIDDEN, nonlinearity="tanh", batch_first=True)
        self.from_hidden = nn.Linear(HIDDEN, 3 * len(HEADS), bias=False)  # W_ho
        self.from_input = nn.Linear(self.features, 3 * len(HEADS))  # W_xo, b_o

    def look(self, x):
        """Features [batch, time, 7] of raw days [batch, time, 6]."""
        numbers = torch.cat([torch.relu(x[..., :1]).sqrt(), x[..., 1:4]], -1)
        season = self.season[x[..., 4].clamp(0, 366).long()]
        return torch.cat([(numbers - self.mean) * self.scale, season, x[..., 5:]], -1)

    def forward(self, x, h=None):
        """v, a, b, each [batch, time, 2], and the state after the last step [1, batch, hidden]."""
        f = self.look(x)
        y, h = self.rnn(f, h)
        o = self.from_hidden(y) + self.from_input(f)
        return o.split(len(HEADS), -1), h

    @torch.no_grad()
    def answers(self, x, h=None):
        """What the served graph answers at every step of unpadded sequences: {tensor: [batch, time]}, and hn."""
        (v, a, b), h = self(x, h)
        sd = self.target_sd * self.widen
        value = v * self.target_sd + self.target_mean
        triple = value, value - torch.exp(a) * sd, value + torch.exp(b) * sd
        return dict(zip(OUTPUTS, (t[..., i] for i in range(len(HEADS)) for t in triple))) | {"hn": h}
