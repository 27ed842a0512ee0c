"""The network: one bidirectional LSTM shared by all heads. A word head reads [h_t, x_t], so that a word also speaks
for itself; the genre head reads the largest value of h over the sentence."""
import torch
from torch import nn

from data import WORD_TASKS
from features import PATTERNS


class Tagger(nn.Module):
    def __init__(self, table_sizes, classes, hidden=128, widths=(48, 24, 12, 12), dropout=0.33):
        """`table_sizes`: rows of the four tables; `classes`: {task: number of labels}, the heads to have."""
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(n, w) for n, w in zip(table_sizes, widths))
        for table in self.tables:
            nn.init.normal_(table.weight, 0, 0.3)
        inputs = sum(widths) + len(PATTERNS)
        self.trunk = nn.LSTM(inputs, hidden, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleDict({
            task: nn.Linear(2 * hidden + (inputs if task in WORD_TASKS else 0), n) for task, n in classes.items()
        })

    def forward(self, ids, flags):
        """Sentences of one length. ids [batch, time, 4], flags [batch, time, 8] -> {task: logits}, word heads
        [batch, time, labels] and genre [batch, labels]."""
        x = torch.cat([*(table(ids[..., i]) for i, table in enumerate(self.tables)), flags], -1)
        x = self.dropout(x)
        h = self.dropout(self.trunk(x)[0])
        z = torch.cat([h, x], -1)
        return {task: head(z if task in WORD_TASKS else h.amax(1)) for task, head in self.heads.items()}
