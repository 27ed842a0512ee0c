"""The network: LSTM(64, every step) -> LSTM(32, last step) -> Dense(1, sigmoid), on ten days of ten features; and its
training: binary cross-entropy, Adam, ten epochs, batches of 32. Normalisation is part of the graph."""
import time

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from days import CITIES, WEATHER, target_days

DAYS = 10
FEATURES = ["precipitation", "temp_max", "temp_min", "wind", *WEATHER, "city"]
EPOCHS, BATCH = 10, 32


def steps_of(city):
    """The features of every day of a city: [day, 10]. The kind of weather is told by five flags, the city by its number."""
    place = np.full((len(city.dates), 1), CITIES.index(city.name))
    return np.concatenate([city.numbers, np.eye(len(WEATHER))[city.kind], place], 1).astype(np.float32)


def windows(cities, split):
    """x [n, 10, 10]: the ten days before each target day; y [n]: whether it had any precipitation."""
    xs, ys = [], []
    for city in cities:
        steps, days = steps_of(city), target_days(city, split)
        xs += [steps[day - DAYS:day] for day in days]
        ys.append(city.rain[days])
    return np.stack(xs), np.concatenate(ys)


class LstmStack(nn.Module):
    def __init__(self, x):
        """`x`: the training windows, for means and standard deviations of the four numbers."""
        super().__init__()
        numbers = np.concatenate([np.sqrt(x[..., :1]), x[..., 1:4]], -1).reshape(-1, 4).astype(np.float64)
        self.register_buffer("mean", torch.tensor(numbers.mean(0), dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(1 / numbers.std(0), dtype=torch.float32))
        self.lstm1 = nn.LSTM(len(FEATURES), 64, batch_first=True)
        self.lstm2 = nn.LSTM(64, 32, batch_first=True)
        self.dense = nn.Linear(32, 1)
        for layer in (self.lstm1, self.lstm2):  # the initial values that Keras has, and its one bias a gate
            nn.init.xavier_uniform_(layer.weight_ih_l0)
            nn.init.orthogonal_(layer.weight_hh_l0)
            nn.init.zeros_(layer.bias_ih_l0)
            nn.init.zeros_(layer.bias_hh_l0).requires_grad_(False)
            with torch.no_grad():
                layer.bias_ih_l0[layer.hidden_size:2 * layer.hidden_size] = 1  # the forget gate
        nn.init.xavier_uniform_(self.dense.weight)
        nn.init.zeros_(self.dense.bias)

    def forward(self, x):
        """The logit of rain tomorrow, [batch], of x [batch, 10, 10]."""
        numbers = torch.cat([torch.relu(x[..., :1]).sqrt(), x[..., 1:4]], -1)
        f = torch.cat([(numbers - self.mean) * self.scale, x[..., 4:]], -1)
        every_step, _ = self.lstm1(f)
        _, (last, _) = self.lstm2(every_step)
        return self.dense(last[0])[:, 0]

    @torch.no_grad()
    def predict(self, x):
        """Probabilities as numpy, in the precision of the weights."""
        return torch.sigmoid(self(torch.from_numpy(x).to(self.mean.dtype))).numpy()


def train(cities, seed, say=print):
    """Returns (model, validation loss, CPU seconds)."""
    began = time.process_time()
    torch.manual_seed(seed)
    x, y = map(torch.from_numpy, windows(cities, "train"))
    check = [torch.from_numpy(a) for a in windows(cities, "validation")]
    model = LstmStack(x.numpy())
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad])
    for epoch in range(EPOCHS):
        total = 0.0
        for pick in torch.randperm(len(x)).split(BATCH):
            loss = binary_cross_entropy_with_logits(model(x[pick]), y[pick])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += float(loss.detach()) * len(pick)
        with torch.no_grad():
            validation = float(binary_cross_entropy_with_logits(model(check[0]), check[1]))
        say(f"  seed {seed}, epoch {epoch + 1}: loss {total / len(x):.4f}, validation {validation:.4f}")
    return model.eval(), validation, time.process_time() - began
