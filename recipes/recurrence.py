"""Trunks. minGRU and minLSTM (Feng et al. 2024, "Were RNNs All We Needed?"): the gates read the input alone, so that
h_t = a_t h_t-1 + b_t and all steps can be computed side by side. Here by doubling: after the k-th pass a step holds the sum
over the 2**k steps before it. Products of numbers between 0 and 1 shrink to 0 and no logarithm is taken, so a long
sequence neither overflows nor turns to NaN."""
import torch
from torch import nn


def scan(a, b, h=None):
    """h_t = a_t h_t-1 + b_t for all t; a, b [batch, time, width], h [batch, width] before the first step (zeros)."""
    if h is not None:
        b = torch.cat([b[:, :1] + a[:, :1] * h[:, None], b[:, 1:]], 1)
    reach = 1
    while reach < a.shape[1]:
        b = torch.cat([b[:, :reach], b[:, reach:] + a[:, reach:] * b[:, :-reach]], 1)
        a = torch.cat([a[:, :reach], a[:, reach:] * a[:, :-reach]], 1)
        reach *= 2
    return b


class MinGRU(nn.Module):
    """One direction of one layer: z = sigmoid(W_z x), c = W_c x, h_t = (1 - z) h_t-1 + z c."""

    gates = 2

    def __init__(self, inputs, hidden):
        super().__init__()
        self.inner = nn.Linear(inputs, self.gates * hidden)

    def steps(self, x):
        z, c = self.inner(x).chunk(2, -1)
        z = torch.sigmoid(z)
        return 1 - z, z * c

    def forward(self, x, h=None):
        return scan(*self.steps(x), h)


class MinLSTM(MinGRU):
    """f = sigmoid(W_f x), i = sigmoid(W_i x), both over their sum; h_t = f' h_t-1 + i' c."""

    gates = 3

    def steps(self, x):
        f, i, c = self.inner(x).chunk(3, -1)
        f, i = torch.sigmoid(f), torch.sigmoid(i)
        both = f + i + 1e-6
        return f / both, i / both * c


KINDS = {"mingru": MinGRU, "minlstm": MinLSTM}


class Stack(nn.Module):
    """Layers of one kind, one way or both ways, called as torch's LSTM with batch_first: (y, state of every layer)."""

    def __init__(self, kind, inputs, hidden, layers=1, bidirectional=False):
        super().__init__()
        ways = 2 if bidirectional else 1
        self.layers = nn.ModuleList(
            nn.ModuleList(KINDS[kind](inputs if n == 0 else ways * hidden, hidden) for _ in range(ways)) for n in range(layers))

    def forward(self, x, state=None):
        """x [batch, time, inputs], state [layers, batch, hidden] of the one-way stack."""
        last = []
        for n, ways in enumerate(self.layers):
            y = ways[0](x, None if state is None else state[n])
            last.append(y[:, -1])
            if len(ways) > 1:
                y = torch.cat([y, ways[1](x.flip(1)).flip(1)], -1)
            x = y
        return x, torch.stack(last)
