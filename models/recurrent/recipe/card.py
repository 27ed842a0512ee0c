"""The model card, written from the measured figures alone."""
from measures import table


def results(m):
    rows = []
    for key in m["model"]["test"]:
        rows.append([
            f"{key}, MAE degC", *(f"{b['test'][key]:.2f}" for b in m["baselines"].values()),
            f"**{m['model']['test'][key]:.2f}** ± {m['standard_error'][key]:.2f}",
            f"{m['seeds']['mean'][key]:.2f} ± {m['seeds']['sd'][key]:.2f}", f"{m['model']['validation'][key]:.2f}",
        ])
    return table(["test 2015", *m["baselines"], "**this model**", "5 seeds", "validation"], rows)


def differences(m):
    rows = []
    for name, b in m["baselines"].items():
        row = [name]
        for key, gap in b["model_minus_baseline"].items():
            error = b["standard_error_of_difference"][key]
            word = "within noise" if abs(gap) <= 2 * error else "better" if gap < 0 else "worse"
            row.append(f"{gap:+.2f} ± {error:.2f}, {word}")
        rows.append(row)
    return table(["model − baseline", *m["model"]["test"]], rows)


def intervals(m):
    rows = []
    for split, c in m["coverage"].items():
        rows.append([split, *(f"{v['inside']:.1f} % ({v['below']:.1f} below, {v['above']:.1f} above)" for v in c.values())])
    rows.append(["mean width, test", *(f"{v['width']:.1f}" for v in m["coverage"]["test"].values())])
    return table(["inside the interval", *m["coverage"]["test"]], rows)


def card(m):
    """CARD.md as text."""
    days, graph, seconds = m["days"], m["graph"], m["seeds"]["training_cpu_seconds"]
    lengths = m["test_by_length"]
    by_length = table(["days of history", *lengths], [[f"{k}, MAE degC", *(f"{v[k]:.2f}" for v in lengths.values())] for k in m["model"]["test"]])
    return f"""# Recurrent, version 1

After every day in Seattle or New York the highest and lowest temperature of the **next day**, each with an interval meant to
hold 80 % of the days. It is the plain recurrence of the theory, with the direct term from input to output:

    h_t = tanh(W_xh x_t + W_hh h_t-1 + b_h)        o_t = W_ho h_t + W_xo x_t + b_o

with 32 hidden units, served by the ONNX operator `RNN`; o_t holds the value and the two quantiles of both heads.
A demonstration of the equations, not a forecast to rely on. The state h may be kept between calls.

x_t are the root of the precipitation, temp_max, temp_min and wind, standardised, the season as (sin, cos) of the day, and the city.

## Data and training
Daily observations 2012–2015 from NOAA (public domain), as carried by the npm package `vega-datasets` (BSD-3-Clause).
Split by tomorrow's date: training to June 2014, validation to December 2014, test 2015; {days['train']} / {days['validation']} / {days['test']} days
with at least 14 days before them. Random stretches of twelve days, scored after every day; Huber loss for values, pinball loss for the 10 %
and 90 % bounds; averaged weights, early stopping on validation. Of the seeds 0 to 4, seed {m['seeds']['chosen']} was taken for its validation
loss, and every setting likewise. The test year was measured once. {min(seconds):.1f} to {max(seconds):.1f} CPU seconds of training a seed.

## Results
Histories of 14 days, the answer after the last one. ± is one standard error of the test set for the model (bootstrap over
blocks of 7 days), and one standard deviation for the five seeds.

{results(m)}

Persistence says that tomorrow is like today; climatology takes the training days of the same city within 15 days of the season; the
linear models are ridge regressions on the same features, their penalty chosen on validation.

{differences(m)}

## Intervals
Half widths were multiplied by {', '.join(f'{w:.3f}' for w in m['widening'])} (temp_max, temp_min) so that 80 % of the validation days lie inside.

{intervals(m)}

Validation was used to set the widths, so the test figures are the ones to go by; their standard error is 1.5 points at least.

## Short and long histories
The test year again, by the number of days sent.

{by_length}

## Limits
Two cities, daily values of one station, consecutive days. Another place gets an answer without meaning. The two heads do not know
of each other: temp_max is not made to be above temp_min. A plain recurrence forgets within days; here it needs no more.

## Size
{graph['parameters']:,} parameters, {graph['bytes']:,} bytes, opset 17, float32. onnxruntime differs from PyTorch in float64 by at most {graph['worst_difference_to_torch']:.1e}
(relative above 1). Its RNN operator adds up in another order for a single sequence than for several: alone and in a batch an answer may differ in
its last bits (here by at most {graph['worst_difference_alone']:.1e}); in any two batches of two or more it is the same to the bit.
"""
