"""The network: one bidirectional trunk shared by all heads. A word head reads [h_t, x_t], so that a word also speaks for
itself; the genre head reads the largest value of h over the sentence. The study's other trunks are here too: recurrences
without a matrix from h to the gates, a branch of its own for genre, and two trunks joined by learned cross-stitches."""
import torch
from torch import nn

from beside import Table
from data import WORD_TASKS
from recurrence import Stack
from words import PATTERNS

TABLES = ("word", "suffix3", "suffix2", "prefix2")


def bidirectional(kind, inputs, hidden, layers=1):
    if kind in ("lstm", "gru"):
        return {"lstm": nn.LSTM, "gru": nn.GRU}[kind](inputs, hidden, batch_first=True, bidirectional=True)
    return Stack(kind, inputs, hidden, layers, bidirectional=True)


class Tagger(nn.Module):
    def __init__(self, table_sizes, classes, hidden=128, widths=(48, 24, 12, 12), dropout=0.33, trunk="lstm", layers=1, branch=0, stitch=0):
        """`table_sizes`: rows of the four tables; `classes`: {task: number of labels}, the heads to have. `branch`: units a
        direction of a second trunk on x that only genre reads; `stitch`: the same, but both trunks' h are mixed by learned
        weights, one mixture for the word heads and one for genre."""
        super().__init__()
        self.tables = nn.ModuleList(Table(n, w) for n, w in zip(table_sizes, widths))
        for table in self.tables:
            nn.init.normal_(table.weight, 0, 0.3)
        inputs = sum(widths) + len(PATTERNS)
        self.trunk = bidirectional(trunk, inputs, hidden, layers)
        self.branch = bidirectional(trunk, inputs, branch or stitch, layers) if branch or stitch else None
        if stitch and stitch != hidden:
            raise ValueError("stitched trunks have one width")
        self.mix = nn.Parameter(torch.tensor([[0.9, 0.1], [0.1, 0.9]])) if stitch else None
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleDict({
            task: nn.Linear(2 * hidden + inputs if task in WORD_TASKS else 2 * (branch or hidden), n) for task, n in classes.items()
        })

    def forward(self, ids, flags):
        """Sentences of one length. ids [batch, time, 4], flags [batch, time, 8] -> {task: logits}, word heads
        [batch, time, labels] and genre [batch, labels]."""
        x = torch.cat([*(table(ids[..., i]) for i, table in enumerate(self.tables)), flags], -1)
        x = self.dropout(x)
        h = genre = self.trunk(x)[0]
        if self.branch is not None:
            genre = self.branch(x)[0]
        if self.mix is not None:
            (a, b), (c, d) = self.mix
            h, genre = a * h + b * genre, c * h + d * genre
        h = self.dropout(h)
        genre = h if self.branch is None else self.dropout(genre)
        z = torch.cat([h, x], -1)
        return {task: head(z if task in WORD_TASKS else genre.amax(1)) for task, head in self.heads.items()}
