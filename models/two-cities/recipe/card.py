"""The model card, written from the measured figures alone."""
from measures import table

MEASURES = {  # name in the tables, digits, larger is better
    "seattle_rain_accuracy": ("Seattle, rain, accuracy %", 1, True), "seattle_rain_brier": ("Seattle, rain, Brier score", 4, False),
    "seattle_rain_auc": ("Seattle, rain, AUC", 3, True), "new_york_temp_max_mae": ("New York, temp_max, MAE degC", 2, False),
}


def results(m):
    rows = []
    for key, (name, digits, _) in MEASURES.items():
        rows.append([
            name, *(f"{b['test'][key]:.{digits}f}" for b in m["baselines"].values()),
            f"**{m['model']['test'][key]:.{digits}f}** ± {m['standard_error'][key]:.{digits}f}",
            f"{m['seeds']['mean'][key]:.{digits}f} ± {m['seeds']['sd'][key]:.{digits}f}",
            f"{m['model']['validation'][key]:.{digits}f}",
        ])
    return table(["test 2015", *m["baselines"], "**this model**", "5 seeds", "validation"], rows)


def differences(m):
    rows = []
    for key, (name, digits, larger) in MEASURES.items():
        row = [name]
        for b in m["baselines"].values():
            gap, error = b["model_minus_baseline"][key], b["standard_error_of_difference"][key]
            word = "within noise" if abs(gap) <= 2 * error else "better" if (gap > 0) == larger else "worse"
            row.append(f"{gap:+.{digits}f} ± {error:.{digits}f}, {word}")
        rows.append(row)
    return table(["model − baseline", *m["baselines"]], rows)


def by_length(m):
    rows = [[name, *(f"{v[k]:.{digits}f}" for v in m["test_by_length"].values())] for k, (name, digits, _) in MEASURES.items()]
    return table(["days of history", *m["test_by_length"]], rows)


def card(m):
    """CARD.md as text."""
    days, graph, seconds = m["days"], m["graph"], m["seeds"]["training_cpu_seconds"]
    rows = [[s, f"{c['inside']:.1f} %", f"{c['below']:.1f} %", f"{c['above']:.1f} %", f"{c['width']:.1f} degC"] for s, c in m["coverage"].items()]
    intervals = table(["New York, temp_max", "inside", "below", "above", "mean width"], rows)
    return f"""# Two cities, version 1

Two tasks with **two inputs**: the days of Seattle answer whether there will be precipitation in Seattle tomorrow, the days of New York
answer the highest temperature in New York tomorrow, with an interval meant to hold 80 % of the days. Each task has its own recurrence
(an LSTM of 16 units) and its own output; one graph holds both and was trained with the sum of the two losses. Each input has its own length.

The tasks **share nothing**: the sum of the losses trains each as if alone, but for the clipping of the gradient and the common early
stopping. The model shows that such a graph is served, not that the tasks help each other. Not a forecast to rely on.

## Data and training
Daily observations 2012–2015 from NOAA (public domain), as carried by the npm package `vega-datasets` (BSD-3-Clause); the same dates in both cities.
Split by tomorrow's date: training to June 2014, validation to December 2014, test 2015; {days['train']} / {days['validation']} / {days['test']} days
with at least 14 days before them; {m['rain_share']:.1f} % of Seattle's test days have precipitation. A day is precipitation (as its root), temp_max,
temp_min, wind and the season as (sin, cos) of the day. Random stretches of 14 days, scored after every day; cross-entropy, Huber loss, pinball loss
for the 10 % and 90 % bounds; averaged weights, early stopping on validation. Of the seeds 0 to 4, seed {m['seeds']['chosen']} was taken for its validation
loss, and every setting likewise. The test year was measured once. {min(seconds):.1f} to {max(seconds):.1f} CPU seconds of training a seed.

## Results
Histories of 14 days. ± is one standard error of the test set for the model (bootstrap over blocks of 7 days), and one
standard deviation for the five seeds.

{results(m)}

Persistence says that tomorrow is like today; climatology takes the training days of the same city within 15 days of the season; the
linear models are logistic and ridge regression on the same features, their penalty chosen on validation.

{differences(m)}

With 365 test days an accuracy has a standard error of 2.4 points.

## Interval
Half widths were multiplied by {m['widening']:.3f} so that 80 % of the validation days lie inside.

{intervals}

Validation was used to set the width, so the test figures are the ones to go by; their standard error is 2.1 points at least.

## Short and long histories
The test year again, by the number of days sent (the same in both inputs).

{by_length(m)}

## Limits
These two cities, daily values of one station each, consecutive days. Exchanging the inputs gives answers without meaning.

## Size
{graph['parameters']:,} parameters, {graph['bytes']:,} bytes, opset 17, float32. onnxruntime differs from PyTorch in float64 by at most {graph['worst_difference_to_torch']:.1e}
(relative above 1); a sequence answers the same bits alone and in any padded batch on a CPU.
"""
