"""Several networks trained side by side, each from its own seed on its own batches of sequences of one length. On a CPU they take
turns. On a GPU an update of all of them is one CUDA graph in which each has a stream of its own, captured once for every length,
so that fifteen small networks take a few times the time of one."""
import time

import torch
from torch import nn


class Table(nn.Embedding):
    """An embedding whose gradient is summed without a sort, so that a CUDA graph can hold it."""

    def forward(self, ids):
        return self.weight.index_select(0, ids.flatten()).view(*ids.shape, -1)


class Learner:
    """One network in training. `losses(model, *batch)` gives {task: loss}; `way` (of balance.py) turns them into gradients. `hide`: how
    likely each row of the words' table is hidden behind row 0, or None."""

    def __init__(self, model, losses, way, hide, rate):
        self.model, self.losses, self.way, self.hide = model.train(), losses, way, hide
        self.weights = [p for p in model.parameters() if p.requires_grad]
        self.optimiser = torch.optim.Adam([*self.weights, *way.parameters()], lr=rate, betas=(0.9, 0.98), capturable=self.weights[0].is_cuda, fused=True)

    def update(self, ids, *rest):
        if self.hide is not None:
            hidden = torch.rand(ids.shape[:2], device=ids.device) < self.hide[ids[..., 0]]
            ids = torch.cat([ids[..., :1].masked_fill(hidden[..., None], 0), ids[..., 1:]], -1)
        batch = ids, *rest
        self.optimiser.zero_grad()
        self.way.backward(self.losses(self.model, *batch))
        nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimiser.step()
        self.way.after(lambda: self.losses(self.model, *batch))


class Turns:
    """Learners on a CPU. `corpora`: for each learner a list of groups, each a tuple of tensors of sequences of one length."""

    def __init__(self, learners, corpora):
        self.learners, self.corpora = learners, corpora

    def pace(self, rate):
        for learner in self.learners:
            learner.optimiser.param_groups[0]["lr"] = rate

    def epoch(self, batches):
        """`batches`: (group number, rows [learners, batch], learning rate)."""
        for number, rows, rate in batches:
            self.pace(rate)
            for learner, groups, mine in zip(self.learners, self.corpora, rows):
                learner.update(*(part[mine] for part in groups[number]))


class Graphs:
    """Learners on a GPU. Every batch has `size` rows: short ones are filled up with a row that has no labels (`fillers`, one value
    for each tensor of a group). The first update runs as it is, since it makes what a graph has to find ready."""

    def __init__(self, learners, corpora, fillers, size, rate):
        self.learners, self.size, self.rate = learners, size, rate
        self.corpora = [[tuple(torch.cat([part, torch.full_like(part[:1], filler)]) for part, filler in zip(group, fillers)) for group in groups]
                        for groups in corpora]
        self.streams = [torch.cuda.Stream() for _ in learners]
        self.main, self.pool = torch.cuda.Stream(), torch.cuda.graph_pool_handle()
        self.rows = [torch.zeros(len(learners), size, dtype=torch.long, device="cuda") for _ in corpora[0]]
        self.graphs, self.begun = {}, False

    def everyone(self, number):
        here = torch.cuda.current_stream()
        for k, (learner, stream) in enumerate(zip(self.learners, self.streams)):
            stream.wait_stream(here)
            with torch.cuda.stream(stream):
                learner.update(*(part[self.rows[number][k]] for part in self.corpora[k][number]))
        for stream in self.streams:
            here.wait_stream(stream)

    def captured(self, number):
        if number not in self.graphs:
            torch.cuda.synchronize()
            for learner in self.learners:
                learner.optimiser.zero_grad()
            graph = torch.cuda.CUDAGraph()
            graph.capture_begin(pool=self.pool, capture_error_mode="thread_local")
            self.everyone(number)
            graph.capture_end()
            self.graphs[number] = graph
        return self.graphs[number]

    def epoch(self, batches):
        filled = [torch.cat([rows, torch.full((len(rows), self.size - rows.shape[1]), len(self.corpora[0][number][0]) - 1)], 1)
                  for number, rows, _ in batches]
        every, rates = torch.stack(filled).cuda(), torch.tensor([rate for *_, rate in batches]).cuda()
        torch.cuda.synchronize()
        with torch.cuda.stream(self.main):
            for i, (number, *_) in enumerate(batches):
                self.rows[number].copy_(every[i])
                self.rate.copy_(rates[i])
                if self.begun:
                    self.captured(number).replay()
                else:
                    self.everyone(number)
                    self.begun = True
        torch.cuda.synchronize()


def teach(models, losses, ways, hides, corpora, plan, fillers, size, pace, device, after=None):
    """Trains `models`, one of `losses`, `ways`, `hides` and `corpora` each, on the batches of `plan` (epochs of (group number, rows)); `pace(n)` is the
    rate of update n. `after(epoch, seconds)` is called after each. Gives the seconds: of CPU on the CPU, of the clock elsewhere."""
    rate = torch.tensor(0.0, device=device) if device != "cpu" else 0.0
    learners = [Learner(*each, rate) for each in zip(models, losses, ways, hides)]
    side = Turns(learners, corpora) if device == "cpu" else Graphs(learners, corpora, fillers, size, rate)
    clock, spent, n = time.process_time if device == "cpu" else time.perf_counter, 0.0, 0
    for epoch, batches in enumerate(plan):
        for model in models:
            model.train()
        start = clock()
        side.epoch([(number, rows, pace(n + i)) for i, (number, rows) in enumerate(batches)])
        n += len(batches)
        spent += clock() - start
        if after:
            after(epoch, spent)
    for model in models:
        model.eval()
    return spent
