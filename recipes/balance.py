"""Ways to train one trunk on many losses. A way is made once a training (`BALANCE[name](tasks, model)`) and then, at every update,
turns the losses of the batch, {task: loss}, into gradients. What a way remembers is changed in place, so that a CUDA graph can hold it."""
import torch


class Sum:
    """The plain sum, or fixed weights."""

    def __init__(self, tasks, model, weights=None):
        self.tasks, self.weights = list(tasks), weights or {}
        self.shared = list(model.parameters())
        self.device = self.shared[0].device

    def parameters(self):
        """What the way itself learns, beside the network."""
        return []

    def backward(self, losses):
        sum(self.weights.get(t, 1.0) * loss for t, loss in losses.items()).backward()

    def after(self, again):
        """Called after the update; `again()` gives the losses of the same batch anew."""


class Uncertainty(Sum):
    """exp(-s) L + s / 2 with a learned s for each task (Kendall, Gal and Cipolla 2018)."""

    def __init__(self, tasks, model):
        super().__init__(tasks, model)
        self.s = torch.zeros(len(self.tasks), device=self.device, requires_grad=True)

    def parameters(self):
        return [self.s]

    def backward(self, losses):
        each = torch.stack([losses[t] for t in self.tasks])
        (torch.exp(-self.s) * each + self.s / 2).sum().backward()


class GradNorm(Sum):
    """Weights learned so that every task's gradient at the trunk has the size its pace of learning asks for (Chen et al. 2018):
    the mean size x (relative inverse pace) ** alpha. The trunk's forward recurrent weights stand for the whole of it, and the
    weights are moved by a fixed factor towards that size."""

    def __init__(self, tasks, model, alpha=1.5, rate=0.025):
        super().__init__(tasks, model)
        self.alpha, self.rate, self.first = alpha, rate, None
        self.w = torch.ones(len(self.tasks), device=self.device)
        self.layer = model.trunk.weight_hh_l0

    def backward(self, losses):
        each = torch.stack([losses[t] for t in self.tasks])
        grads = [torch.autograd.grad(loss, self.layer, retain_graph=True)[0] for loss in each]
        with torch.no_grad():
            sizes = torch.stack([g.norm() for g in grads])
            self.first = each.clamp_min(1e-3) if self.first is None else self.first
            pace = each / self.first
            wanted = (self.w * sizes).mean() * (pace / pace.mean()) ** self.alpha
            self.w.mul_(torch.exp(self.rate * torch.sign(wanted - self.w * sizes)))
            self.w.mul_(len(self.tasks) / self.w.sum())
        (self.w * each).sum().backward()


class PCGrad(Sum):
    """Each task's gradient of the shared weights loses its part against any other task's (Yu et al. 2020)."""

    def backward(self, losses):
        found = {t: torch.autograd.grad(loss, self.shared, retain_graph=True, allow_unused=True) for t, loss in losses.items()}
        common = [i for i in range(len(self.shared)) if sum(g[i] is not None for g in found.values()) > 1]
        flat = {t: torch.cat([(torch.zeros_like(self.shared[i]) if g[i] is None else g[i]).flatten() for i in common])
                for t, g in found.items()}
        total = 0
        for t, mine in flat.items():
            others = [o for o in flat if o != t]
            for other in (flat[others[i]] for i in torch.randperm(len(others)).tolist()):
                mine = mine - (mine @ other).clamp(max=0) / (other @ other).clamp_min(1e-12) * other
            total = total + mine
        pieces = dict(zip(common, total.split([self.shared[i].numel() for i in common])))
        for i, p in enumerate(self.shared):
            own = [g[i] for g in found.values() if g[i] is not None]
            if own:
                p.grad = pieces[i].view_as(p) if i in pieces else own[0]


class FAMO(Sum):
    """Equal relative progress of all losses at the price of one more forward pass (Liu et al., NeurIPS 2023)."""

    def __init__(self, tasks, model, rate=0.025, decay=1e-3):
        super().__init__(tasks, model)
        self.logits = torch.zeros(len(self.tasks), device=self.device, requires_grad=True)
        self.optimiser = torch.optim.Adam([self.logits], lr=rate, weight_decay=decay, capturable=self.logits.is_cuda)

    def backward(self, losses):
        each = torch.stack([losses[t] for t in self.tasks]) + 1e-8
        self.before = each.detach()
        z = torch.softmax(self.logits, 0).detach()
        (z * each.log() / (z / self.before).sum(0)).sum().backward()

    def after(self, again):
        with torch.no_grad():
            losses = again()
            now = torch.stack([losses[t] for t in self.tasks]) + 1e-8
        gain = self.before.log() - now.log()
        self.logits.grad = torch.autograd.grad(torch.softmax(self.logits, 0), self.logits, grad_outputs=gain)[0]
        self.optimiser.step()


BALANCE = {"sum": Sum, "uncertainty": Uncertainty, "gradnorm": GradNorm, "pcgrad": PCGrad, "famo": FAMO}
