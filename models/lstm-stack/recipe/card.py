"""The model card, written from the measured figures alone."""
from measures import table

MEASURES = {"accuracy": ("accuracy %", 1, True), "brier": ("Brier score", 4, False), "auc": ("AUC", 3, True)}


def results(m):
    rows = []
    for key, (name, digits, _) in MEASURES.items():
        rows.append([
            name, *(f"{b['test'][key]:.{digits}f}" for b in m["baselines"].values()),
            f"**{m['model']['test'][key]:.{digits}f}** ± {m['standard_error'][key]:.{digits}f}",
            f"{m['seeds']['mean'][key]:.{digits}f} ± {m['seeds']['sd'][key]:.{digits}f}",
            f"{m['model']['validation'][key]:.{digits}f}", f"{m['model']['train'][key]:.{digits}f}",
        ])
    return table(["rain, test 2015", *m["baselines"], "**this model**", "5 seeds", "validation", "training"], rows)


def differences(m):
    rows = []
    for name, b in m["baselines"].items():
        row = [name]
        for key, (_, digits, larger) in MEASURES.items():
            gap, error = b["model_minus_baseline"][key], b["standard_error_of_difference"][key]
            word = "within noise" if abs(gap) <= 2 * error else "better" if (gap > 0) == larger else "worse"
            row.append(f"{gap:+.{digits}f} ± {error:.{digits}f}, {word}")
        rows.append(row)
    return table(["model − baseline", *(v[0] for v in MEASURES.values())], rows)


def card(m):
    """CARD.md as text."""
    days, graph, seconds = m["days"], m["graph"], m["seeds"]["training_cpu_seconds"]
    return f"""# LSTM stack, version 1

Ten days of ten features in Seattle or New York; the probability of any precipitation **tomorrow**.
The architecture is the textbook one: LSTM(64, every step) → LSTM(32, last step) → Dense(1, sigmoid), binary
cross-entropy, Adam at its usual rate of 0.001, ten epochs, batches of 32, no dropout, no early stopping. It shows that such a network is
served as it is; it is **no forecast to rely on**, and a logistic regression of eleven numbers does as well.

The ten features of a day: precipitation, temp_max, temp_min, wind, five flags for the kind of weather (drizzle, fog, rain, snow, sun)
and the city. The graph takes the root of the precipitation and standardises the four numbers; the flags enter as 0 and 1.
Exactly ten days are taken, so the graph needs no lengths.

## Data and training
Daily observations 2012–2015 from NOAA (public domain), as carried by the npm package `vega-datasets` (BSD-3-Clause).
Split by tomorrow's date: training to June 2014, validation to December 2014, test 2015; {days['train']} / {days['validation']} / {days['test']} days
with at least 14 days before them; {m['rain_share']:.1f} % of the test days have precipitation.
Initial values as in Keras (Glorot, orthogonal, forget bias 1; one bias a gate). Of the seeds 0 to 4, seed {m['seeds']['chosen']} was taken for its validation
loss; nothing else was chosen. The test year was measured once. {min(seconds):.1f} to {max(seconds):.1f} CPU seconds of training a seed.

## Results
± is one standard error of the test set for the model (bootstrap over blocks of 7 days), and one standard deviation for the five seeds.

{results(m)}

Persistence says that tomorrow is like today; climatology takes the training days of the same city within 15 days of the season; the
logistic regressions have the same ten features of one day or of all ten, their penalty chosen on validation.

{differences(m)}

A test year of 730 days has a standard error of 1.7 points on an accuracy: what is called noise here is noise.
After ten epochs the loss is still falling. The season is known to the network through the temperatures only.

## Limits
Two cities, daily values of one station, consecutive days, exactly ten of them. Another place gets an answer without meaning. The kind of weather
was noted differently over the years: in 2012 many days are called rain with no precipitation measured, in 2014 and 2015 none.
There is no measure of how sure the probability itself is.

## Size
{graph['parameters']:,} parameters, {graph['bytes']:,} bytes, opset 17, float32. onnxruntime differs from PyTorch in float64 by at most {graph['worst_difference_to_torch']:.1e};
a sequence answers the same bits alone and in any batch on a CPU.
"""
