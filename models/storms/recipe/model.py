"""The network: raw fixes in, five forecasts for 24 hours later out of every time step. Features, differences between fixes
and units are part of the graph, with no operator whose result depends on its place in a vector (Log, Sin, Cos): the
season is a table, interval widths are exponentials."""
import numpy as np
import torch
from torch import nn

from data import CLASS_OF, CLASSES, NUMBERS, STATUSES
from recurrence import Stack

HIDDEN = 64
N = len(NUMBERS)
OUTPUTS = ["status", "intensification"] + [n + s for n in NUMBERS for s in ("", "_lower", "_upper")]
STATES = {"h": HIDDEN, "c": HIDDEN, "p": N + 1}  # p: the last fix (lat, long, wind, pressure) and a 1; zeros at the start


def season_table():
    """[367, 2]: row d is (sin, cos) of day d of the year; row 0 is for padding only."""
    angle = np.arange(367) * (2 * np.pi / 365.25)
    return torch.tensor(np.stack([np.sin(angle), np.cos(angle)], 1) * np.sqrt(2), dtype=torch.float32)


class Storms(nn.Module):
    """One LSTM and one linear layer on [h_t, f_t], the direct term from input to output included. For a number it gives
    v, a, b: the change v in 24 hours, and the bounds v - exp(a), v + exp(b), all in standard deviations of the change."""

    features = 2 * N + 1 + len(CLASSES) + 2

    def __init__(self, storms, dropout, trunk="lstm", hidden=HIDDEN, layers=1, stitch=False):
        """`storms`: the training storms, for means and standard deviations. The served net has one LSTM. With `stitch` there are
        two, and what the kinds (status, intensification) and the numbers read of them is mixed by learned weights."""
        super().__init__()
        steps = np.concatenate([s.steps[:, :N] for s in storms]).astype(np.float64)
        six = np.concatenate([np.diff(s.steps[:, :N], axis=0) for s in storms]).astype(np.float64)
        day = np.concatenate([(s.numbers - s.steps[:, :N])[s.known] for s in storms]).astype(np.float64)
        for name, value in (("mean", steps.mean(0)), ("scale", 1 / steps.std(0)), ("change_scale", 1 / six.std(0)),
                            ("day_mean", day.mean(0)), ("day_sd", day.std(0))):
            self.register_buffer(name, torch.tensor(value, dtype=torch.float32))
        self.register_buffer("season", season_table())
        self.register_buffer("statuses", torch.eye(len(CLASSES))[[CLASS_OF[s] for s in STATUSES]])
        self.register_buffer("floor", torch.tensor([-90.0, -180.0, 0.0, 0.0]))
        self.register_buffer("widen", torch.ones(N))  # set by calibration, on validation
        if trunk == "lstm":
            self.trunk = nn.LSTM(self.features, hidden, batch_first=True)
        else:
            self.trunk = nn.GRU(self.features, hidden, batch_first=True) if trunk == "gru" else Stack(trunk, self.features, hidden, layers)
        self.second = nn.LSTM(self.features, hidden, batch_first=True) if stitch else None
        self.mix = nn.Parameter(torch.tensor([[0.9, 0.1], [0.1, 0.9]])) if stitch else None
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.Linear(hidden + self.features, len(CLASSES) + 1 + 3 * N)

    def look(self, x, p):
        """Features [batch, time, 16] of raw fixes [batch, time, 6] after the fix p [batch, 5] (zeros: there was none)."""
        now = x[..., :N]
        fixes = torch.cat([now, torch.ones_like(now[..., :1])], -1)
        before = torch.cat([p[:, None], fixes[:, :-1]], 1)
        known = before[..., N:]
        change = (now - before[..., :N]) * self.change_scale * known
        status = self.statuses[x[..., N].clamp(0, len(STATUSES) - 1).long()]
        season = self.season[x[..., N + 1].clamp(0, 366).long()]
        return torch.cat([(now - self.mean) * self.scale, change, known, status, season], -1)

    def forward(self, x, state=None):
        """Logits of status [.., 5] and intensification [..], and v, a, b, each [.., 4]; then the new state (h, c, p)."""
        h, c, p = state or [x.new_zeros(1, len(x), size) for size in STATES.values()]
        f = self.look(x, p[0])
        if self.mix is None and isinstance(self.trunk, nn.LSTM):
            y, (h, c) = self.trunk(f, (h, c))
        else:  # the study's other trunks always start afresh
            y = self.trunk(f)[0]
        if self.mix is not None:
            other = self.second(f)[0]
            y, other = (mine * y + theirs * other for mine, theirs in self.mix)
        out = self.heads(torch.cat([self.dropout(y), f], -1))
        if self.mix is not None:
            out = torch.cat([out[..., :-3 * N], self.heads(torch.cat([self.dropout(other), f], -1))[..., -3 * N:]], -1)
        status, rapid, v, a, b = out.split([len(CLASSES), 1, N, N, N], -1)
        p = torch.cat([x[:, -1, :N], x.new_ones(len(x), 1)], -1)[None]
        return (status, rapid[..., 0], v, a, b), (h, c, p)

    @torch.no_grad()
    def answers(self, x, state=None):
        """What the served graph answers at every step of unpadded sequences, as {tensor: [batch, time, ..]}."""
        (status, rapid, v, a, b), state = self.eval()(x, state)
        value = x[..., :N] + (v * self.day_sd + self.day_mean)
        sd = self.day_sd * self.widen
        triples = [torch.maximum(t, self.floor) for t in (value, value - torch.exp(a) * sd, value + torch.exp(b) * sd)]
        found = [torch.softmax(status, -1), torch.sigmoid(rapid)] + [t[..., i] for i in range(N) for t in triples]
        return dict(zip([*OUTPUTS, "hn", "cn", "pn"], [*found, *state]))

    def predict(self, storms):
        """numpy answers of all labelled fixes, in the order of data.flat."""
        found = []
        for s in storms:
            out = self.answers(torch.from_numpy(s.steps[None]).to(self.mean.dtype))
            found.append({k: out[k][0].numpy()[s.known] for k in OUTPUTS})
        return {k: np.concatenate([f[k] for f in found]) for k in OUTPUTS}
