"""The network: one bidirectional LSTM read by both tasks. The intent is read from the largest h over the utterance and
the two last states; a second, narrower bidirectional LSTM reads h, the word itself and the intent's probabilities, and
scores every label of every word; a table of transitions scores neighbouring labels (a linear-chain CRF)."""
import torch
from torch import nn

from beside import Table
from words import PATTERNS

FORBIDDEN = -1e4  # the score of a step that no legal path takes


class Assistant(nn.Module):
    def __init__(self, table_sizes, intents, tags, settings):
        """`table_sizes`: rows of the tables; `intents`, `tags`: the labels."""
        super().__init__()
        s = settings
        self.tables = nn.ModuleList(Table(n, w) for n, w in zip(table_sizes, s.widths))
        for table in self.tables:
            nn.init.normal_(table.weight, 0, 0.3)
        inputs = sum(s.widths) + len(PATTERNS)
        self.trunk = nn.LSTM(inputs, s.hidden, batch_first=True, bidirectional=True)
        self.intent = nn.Linear(4 * s.hidden, len(intents)) if "intent" in s.tasks else None
        if "slots" in s.tasks:
            told = len(intents) if self.intent else 0
            self.second = nn.LSTM(2 * s.hidden + inputs + told, s.second, batch_first=True, bidirectional=True) if s.second else None
            self.slots = nn.Linear((2 * s.second if s.second else 2 * s.hidden) + inputs, len(tags))
            self.chain = Chain(tags)
        self.dropout = nn.Dropout(s.dropout)

    def forward(self, ids, flags, tags=None, keep=None):
        """Utterances of one length: ids [batch, time, tables], flags [batch, time, 8] -> the intents' logits
        [batch, intents] and the labels' scores [batch, time, tags], None for a task the net does not have. With `tags` and `keep`
        the loss of the chain stands in place of the scores."""
        x = self.dropout(torch.cat([*(table(ids[..., i]) for i, table in enumerate(self.tables)), flags], -1))
        h, (last, _) = self.trunk(x)
        intent = scores = None
        if self.intent:
            intent = self.intent(self.dropout(torch.cat([h.amax(1), last[0], last[1]], -1)))
        h = self.dropout(h)
        if hasattr(self, "slots"):
            if self.second:
                z = [h, x]
                if self.intent:
                    z.append(intent.detach().softmax(-1)[:, None].expand(-1, h.shape[1], -1))
                h = self.dropout(self.second(torch.cat(z, -1))[0])
            scores = self.slots(torch.cat([h, x], -1))
            if tags is not None:
                scores = self.chain.loss(scores, tags, keep)
        return intent, scores


class Chain(nn.Module):
    """The scores of neighbouring labels, in which I-x may follow only B-x or I-x, and nothing may begin with I."""

    def __init__(self, tags):
        super().__init__()
        n = len(tags)
        self.start, self.end = nn.Parameter(torch.zeros(n)), nn.Parameter(torch.zeros(n))
        self.between = nn.Parameter(torch.zeros(n, n))
        banned = torch.zeros(n, n, dtype=torch.bool)
        for j, tag in enumerate(tags):
            if tag.startswith("I-"):
                banned[:, j] = True
                banned[tags.index("B" + tag[1:]), j] = banned[j, j] = False
        self.register_buffer("banned", banned, persistent=False)
        self.register_buffer("banned_first", torch.tensor([t.startswith("I-") for t in tags]), persistent=False)

    def scores(self):
        """start [n], between [from, to], end [n], the forbidden steps included."""
        return self.start.masked_fill(self.banned_first, FORBIDDEN), self.between.masked_fill(self.banned, FORBIDDEN), self.end

    def loss(self, scores, tags, keep):
        """The mean over the utterances kept (keep [batch], 0 or 1) of -log P(tags); scores [batch, time, n], tags [batch, time].
        The sums over paths are taken in the linear domain, step by step, each shifted by its largest term."""
        start, between, end = self.scores()
        steps = torch.exp(between)
        alpha = start + scores[:, 0]
        for t in range(1, scores.shape[1]):
            top = alpha.amax(1, keepdim=True).detach()
            alpha = top + (torch.exp(alpha - top) @ steps).clamp_min(1e-30).log() + scores[:, t]
        total = torch.logsumexp(alpha + end, 1)
        own = scores.gather(2, tags[..., None])[..., 0].sum(1) + start.index_select(0, tags[:, 0]) + end.index_select(0, tags[:, -1])
        own = own + between.flatten().index_select(0, (tags[:, :-1] * len(start) + tags[:, 1:]).flatten()).view_as(tags[:, 1:]).sum(1)
        return ((total - own) * keep).sum() / keep.sum().clamp(min=1)

    @torch.no_grad()
    def best(self, scores):
        """The best path of each utterance [batch, time]."""
        start, between, end = self.scores()
        alpha, back = start + scores[:, 0], []
        for t in range(1, scores.shape[1]):
            top, where = (alpha[:, :, None] + between).max(1)
            back.append(where)
            alpha = top + scores[:, t]
        path = [(alpha + end).argmax(1)]
        for where in reversed(back):
            path.append(where.gather(1, path[-1][:, None])[:, 0])
        return torch.stack(path[::-1], 1)
