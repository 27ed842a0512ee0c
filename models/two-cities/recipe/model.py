"""The network: two tasks, each with its own input, recurrence and output, in one graph trained with the sum of the losses.

    k = seattle, new_york:    h^k_t, c^k_t = LSTM^k(x^k_t, h^k_t-1, c^k_t-1)        o^k = W^k h^k_T + b^k

Seattle's output is the logit of rain tomorrow; New York's holds v, a, b of tomorrow's highest temperature: the value v and
its bounds v - exp(a) and v + exp(b), in standard deviations. Features and units are part of the graph."""
import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

HIDDEN = 16
FEATURES = ["precipitation", "temp_max", "temp_min", "wind", "day_of_year"]
INPUTS = {"new_york": "New York", "seattle": "Seattle"}  # input name: the city in the data, in the order of days.CITIES
OUTPUTS = ["seattle_rain", "new_york_temp_max", "new_york_temp_max_lower", "new_york_temp_max_upper"]


def steps_of(city):
    """The raw features of every day of a city: [day, 5]."""
    return np.concatenate([city.numbers, city.season[:, None]], 1).astype(np.float32)


def season_table():
    """[367, 2]: row d is (sin, cos) of day d of the year; row 0 is for padding only."""
    angle = np.arange(367) * (2 * np.pi / 365.25)
    return torch.tensor(np.stack([np.sin(angle), np.cos(angle)], 1) * np.sqrt(2), dtype=torch.float32)


class City(nn.Module):
    """One task: features of its own input, its recurrence, and `width` numbers out of its last state."""

    features = 6

    def __init__(self, steps, width):
        """`steps` [n, 5]: the city's training days, for means and standard deviations."""
        super().__init__()
        numbers = np.concatenate([np.sqrt(steps[:, :1]), steps[:, 1:4]], 1).astype(np.float64)
        self.register_buffer("mean", torch.tensor(numbers.mean(0), dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(1 / numbers.std(0), dtype=torch.float32))
        self.register_buffer("season", season_table())
        self.lstm = nn.LSTM(self.features, HIDDEN, batch_first=True)
        self.out = nn.Linear(HIDDEN, width)

    def look(self, x):
        """Features [batch, time, 6] of raw days [batch, time, 5]."""
        numbers = torch.cat([torch.relu(x[..., :1]).sqrt(), x[..., 1:4]], -1)
        return torch.cat([(numbers - self.mean) * self.scale, self.season[x[..., 4].clamp(0, 366).long()]], -1)

    def every_step(self, x):
        """Training: [batch, time, width]."""
        return self.out(self.lstm(self.look(x))[0])

    def forward(self, x, lengths):
        """[batch, width], after each sequence's own last day."""
        packed = pack_padded_sequence(self.look(x), lengths, batch_first=True, enforce_sorted=False)
        return self.out(self.lstm(packed)[1][0][0])


class TwoCities(nn.Module):
    def __init__(self, steps):
        """`steps` {input: [n, 5]}: the training days."""
        super().__init__()
        self.seattle = City(steps["seattle"], 1)
        self.new_york = City(steps["new_york"], 3)
        temperature = steps["new_york"][:, 1].astype(np.float64)
        self.register_buffer("target_mean", torch.tensor(temperature.mean(), dtype=torch.float32))
        self.register_buffer("target_sd", torch.tensor(temperature.std(), dtype=torch.float32))
        self.register_buffer("widen", torch.tensor(1.0))  # set by calibration, on validation

    @torch.no_grad()
    def answers(self, x, lengths):
        """What the served graph answers: {tensor: [batch]} as numpy. `x` and `lengths` by input name."""
        x = {k: torch.from_numpy(v).to(self.target_sd.dtype) for k, v in x.items()}
        lengths = {k: torch.from_numpy(v) for k, v in lengths.items()}
        logit = self.seattle(x["seattle"], lengths["seattle"])[:, 0]
        v, a, b = self.new_york(x["new_york"], lengths["new_york"]).unbind(-1)
        sd = self.target_sd * self.widen
        value = v * self.target_sd + self.target_mean
        found = torch.sigmoid(logit), value, value - torch.exp(a) * sd, value + torch.exp(b) * sd
        return {k: t.numpy() for k, t in zip(OUTPUTS, found)}
