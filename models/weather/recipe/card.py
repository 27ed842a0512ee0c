"""The model card, written from the measured figures alone."""

MEASURES = {  # name in the table, digits, larger is better
    "rain_accuracy": ("rain, accuracy %", 1, True),
    "rain_brier": ("rain, Brier score", 4, False),
    "rain_auc": ("rain, AUC", 3, True),
    "weather_accuracy": ("weather, accuracy %", 1, True),
    "temp_max_mae": ("temp_max, MAE degC", 2, False),
    "temp_min_mae": ("temp_min, MAE degC", 2, False),
    "wind_mae": ("wind, MAE m/s", 3, False),
}


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(c) for c in line) + " |" for line in lines)


def results(m):
    header = ["test 2015", *m["baselines"], "**this model**", "5 seeds"]
    rows = []
    for key, (name, digits, _) in MEASURES.items():
        rows.append([
            name,
            *(f"{b['test'][key]:.{digits}f}" for b in m["baselines"].values()),
            f"**{m['model']['test'][key]:.{digits}f}** ± {m['model']['standard_error'][key]:.{digits}f}",
            f"{m['seeds']['mean'][key]:.{digits}f} ± {m['seeds']['sd'][key]:.{digits}f}",
        ])
    return table(header, rows)


def against_best(m):
    """For each measure, the best baseline of that row and how far the model is from it."""
    rows = []
    for key, (name, digits, larger) in MEASURES.items():
        pick = max if larger else min
        best = pick(m["baselines"], key=lambda b: m["baselines"][b]["test"][key])
        gap = m["baselines"][best]["model_minus_baseline"][key]
        error = m["baselines"][best]["standard_error_of_difference"][key]
        ahead = gap > 0 if larger else gap < 0
        word = "ahead" if ahead else "behind"
        if abs(gap) <= 2 * error:
            word = "level" if abs(gap) < 0.5 * 10 ** -digits else word + ", within noise"
        rows.append([name, best, f"{gap:+.{digits}f} ± {error:.{digits}f}", word])
    return table(["measure", "best baseline", "model − baseline", "the model is"], rows)


def intervals(m):
    heads = list(m["model"]["coverage"]["test"])
    rows = []
    for split in ("validation", "test"):
        c = m["model"]["coverage"][split]
        rows.append([split, *(f"{c[h]['inside']:.1f} % ({c[h]['below']:.1f} below, {c[h]['above']:.1f} above)" for h in heads)])
    widths = [f"{m['model']['coverage']['test'][h]['width']:.1f}" for h in heads]
    rows.append(["mean width, test", *widths])
    return table(["inside the interval", *heads], rows)


def lengths(m):
    rows = []
    for key, (name, digits, _) in MEASURES.items():
        rows.append([name, *(f"{s[key]:.{digits}f}" for s in m["model"]["test_by_length"].values())])
    for head in m["model"]["coverage"]["test"]:
        rows.append([f"{head}, inside %", *(f"{c[head]['inside']:.1f}" for c in m["model"]["coverage_by_length"].values())])
    return table(["days of history", *m["model"]["test_by_length"]], rows)


def by_city(m):
    parts = m["model"]["test_by_city"]
    rows = [["days", *(p["days"] for p in parts.values())]]
    rows += [[name, *(f"{p[key]:.{digits}f}" for p in parts.values())] for key, (name, digits, _) in MEASURES.items()]
    return table(["test 2015", *(c.replace("_", " ") for c in parts)], rows)


TRUNKS = {  # title, trunk, state, what the test year was used for
    "lstm": ("Weather, version 1", "One LSTM trunk of 32 units", "(h, c)", """The test year was not untouched: five settings were measured on it. One, better on rain in a rehearsal (trained to June 2013, tested on 2014),
replaced this one, did worse on 2015, and was given up again; it had also lost on validation."""),
    "gru": ("Weather with a GRU trunk, version 1", "One GRU trunk of 32 units", "h", """All settings are those of the model `weather`, whose trunk is an LSTM, chosen there on validation; the test year was measured once with this trunk,
but `weather` had met it before."""),
}


def card(m, trunk="lstm"):
    """CARD.md as text."""
    title, shared, state, history = TRUNKS[trunk]
    days, graph, seeds = m["days"], m["graph"], m["seeds"]
    widen = ", ".join(f"{w:.3f}" for w in m["model"]["widening"])
    return f"""# {title}

From one to 365 days of weather in Seattle or New York up to today, five answers for **tomorrow**: will there be
precipitation, which kind of weather (drizzle, fog, rain, snow, sun), the highest and lowest temperature and the wind,
each of the last three with an interval meant to hold 80 % of the days. {shared} is shared by the
five heads, which read its last state and the last day, `[h_T, x_T]`. It is a small demonstration, not a forecast to rely on:
it sees one station and no pressure, no map and no other model.

## Intended use
To show and to try several kinds of answers from one shared trunk, with intervals and with kept state, on data small enough to train anew in a minute. Not for decisions
that depend on the weather.

## Data and training
Daily observations 2012–2015 from NOAA (public domain), as carried by the npm package `vega-datasets` (BSD-3-Clause).
Split by tomorrow's date: training to June 2014, validation to December 2014, test 2015; {days['train']} / {days['validation']} / {days['test']} days
with at least 14 days before them; {m['rain_share']:.1f} % of the test days have precipitation.
Trained on random stretches of ten days, scored after every day of them; Huber loss for values, pinball loss for the 10 % and 90 %
bounds, cross-entropy for classes, balanced by learned uncertainty weights; averaged weights, early stopping on validation.
Of the seeds 0 to 4, seed {seeds['chosen']} was taken for its validation loss, and every setting likewise.
Training takes about 5 CPU seconds a seed on one core.
{history}

## Results
The test year, histories of 14 days, the same days for everybody. ± is one standard error of the test set for the model
(bootstrap over blocks of 7 days), and one standard deviation for the five seeds.

{results(m)}

Persistence says that tomorrow is like today; climatology takes the training days of the same city within 15 days of the season;
the linear models are logistic and ridge regression on the model's own features, then the same with the median in place of the mean.
The differences, with the standard error of the difference on the same days:

{against_best(m)}

Against persistence and climatology the gain is plain; against linear regression it is small, and where the table says
"within noise" or "level" this test year cannot tell the two apart. Two and a half years of training days hold little more.

The two cities apart, each with a standard error about 1.4 times that of both:

{by_city(m)}

## Intervals
Half widths were multiplied by {widen} (temp_max, temp_min, wind) so that 80 % of the validation days lie inside.

{intervals(m)}

Validation was used to set the widths, so the test figures are the ones to go by; their standard error is 1.5 points at least.

## Short and long histories
The test year again, by the number of days sent. One day works and costs a little; from about seven on nothing changes.
A kept state {state} goes on where the last call ended and gives the same bits as the whole history sent at once.

{lengths(m)}

## Limits
- Two cities. Another place, or weather far from theirs, gets an answer without meaning.
- The heads do not know of each other: `rain` may say dry while `weather` says rain. temp_max fell below temp_min on
  {m['model']['max_below_min']} of the {days['test']} test days.
- The kinds of weather were noted differently over the years: in 2012 many days are called rain with no precipitation
  measured, in 2014 and 2015 none. Wind and its bounds are cut at zero.
- Send consecutive days. A gap is not seen as one.

## Size
{graph['parameters']:,} parameters, {graph['bytes']:,} bytes, opset 17, float32. onnxruntime differs from PyTorch by at most {graph['worst_difference_to_torch']:.1e}
(of temperatures in degC); a sequence answers the same bits alone and in any padded batch on a CPU.
"""
