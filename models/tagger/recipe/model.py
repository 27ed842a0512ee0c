"""The network: one bidirectional trunk shared by the word heads, each of which reads [h_t, x_t], so that a word also speaks for
itself; the genre head reads the largest value of h over the sentence: of the trunk's h, or of a branch of its own, as served. The
study's other trunks are here too: recurrences without a matrix from h to the gates, and two trunks joined by learned
cross-stitches."""
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


def tables(sizes, widths):
    found = nn.ModuleList(Table(n, w) for n, w in zip(sizes, widths))
    for table in found:
        nn.init.normal_(table.weight, 0, 0.3)
    return found


class Tagger(nn.Module):
    def __init__(self, table_sizes, classes, hidden=128, widths=(48, 24, 12, 12), dropout=0.33, trunk="lstm", layers=1, branch=0, stitch=0, told=1.0, own=()):
        """`table_sizes`: rows of the four tables; `classes`: {task: number of labels}, the heads to have. `branch`: units a
        direction of a second trunk that only genre reads; it reads x, and `told` of its gradient reaches the tables, or it has
        tables of its own, `own` wide. `stitch`: units a direction of a second trunk on x whose h is mixed with the first one's by
        learned weights, one mixture for the word heads and one for genre."""
        super().__init__()
        self.tables = tables(table_sizes, widths)
        inputs = sum(widths) + len(PATTERNS)
        self.trunk = bidirectional(trunk, inputs, hidden, layers)
        self.branch = bidirectional(trunk, sum(own) + len(PATTERNS) if own else inputs, branch or stitch, layers) if branch or stitch else None
        if stitch and stitch != hidden:
            raise ValueError("stitched trunks have one width")
        self.mix = nn.Parameter(torch.tensor([[0.9, 0.1], [0.1, 0.9]])) if stitch else None
        self.told, self.own = told, tables(table_sizes, own)
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleDict({
            task: nn.Linear(2 * hidden + inputs if task in WORD_TASKS else 2 * (branch or hidden), n) for task, n in classes.items()
        })

    def look(self, tables, ids, flags):
        return self.dropout(torch.cat([*(table(ids[..., i]) for i, table in enumerate(tables)), flags], -1))

    def forward(self, ids, flags):
        """Sentences of one length. ids [batch, time, 4], flags [batch, time, 8] -> {task: logits}, word heads
        [batch, time, labels] and genre [batch, labels]."""
        x = self.look(self.tables, ids, flags)
        h = genre = self.trunk(x)[0]
        if self.branch is not None:
            genre = self.branch(self.look(self.own, ids, flags) if self.own else self.told * x + (1 - self.told) * x.detach())[0]
        if self.mix is not None:
            (a, b), (c, d) = self.mix
            h, genre = a * h + b * genre, c * h + d * genre
        h = self.dropout(h)
        genre = h if self.branch is None else self.dropout(genre)
        z = torch.cat([h, x], -1)
        return {task: head(z if task in WORD_TASKS else genre.amax(1)) for task, head in self.heads.items()}
