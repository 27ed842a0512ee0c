"""Reads the results of the study and prints every figure of docs/claims.md: means and standard deviations over seeds,
paired differences on the same seeds, parameters and CPU seconds.
Usage: python claims_summary.py FOLDER   (the folder of weather.json and tagger.json)"""
import json
import sys
from pathlib import Path
from statistics import fmean, stdev

MEASURES = {"rain": "rain_brier", "weather": "weather_accuracy", "temp_max": "temp_max_mae", "temp_min": "temp_min_mae", "wind": "wind_mae"}
TAGS = ["upos", "xpos", "feats", "deprel"]


def load(folder, name):
    return json.loads((Path(folder) / f"{name}.json").read_text())


def values(results, name, key):
    """{seed: value} of a test measure, or of a field of the run."""
    found = {r["seed"]: r["test"].get(key, r.get(key)) for r in results["runs"] if r["name"] == name}
    return {seed: value for seed, value in found.items() if value is not None}


def paired(results, one, other, key):
    """The differences one - other of the seeds that both have, in order of seed."""
    a, b = values(results, one, key), values(results, other, key)
    return [a[s] - b[s] for s in sorted(a.keys() & b.keys())]


def spread(numbers, digits):
    numbers = list(numbers)
    if not numbers:
        return "–"
    text = f"{fmean(numbers):.{digits}f}"
    return text + (f" ± {stdev(numbers):.{digits}f}" if len(numbers) > 1 else "") + f" ({len(numbers)})"


def total(results, names, field):
    """The mean over seeds of a field, summed over the nets `names`."""
    return sum(fmean(values(results, n, field).values()) for n in names if values(results, n, field))


def line(*cells):
    print("| " + " | ".join(cells) + " |")


def weather(r):
    print("\nWeather, test; standard error of the test year:", r.get("standard_error"))
    extra = {"rain accuracy": ("rain", "rain_accuracy"), "rain AUC": ("rain", "rain_auc")}
    for label, (task, key) in {**extra, **{f"{t} {k}": (t, k) for t, k in MEASURES.items()}}.items():
        digits = 1 if "accuracy" in key else 4 if key == "rain_brier" else 3
        gap = paired(r, "shared", f"single {task}", key)
        line(label, *(spread(values(r, n, key).values(), digits) for n in (f"single {task}", "shared", "shared, equal weights", f"small single {task}")),
             "shared-single " + spread(gap, digits), "uncertainty-equal " + spread(paired(r, "shared", "shared, equal weights", key), digits),
             "shared-small " + spread(paired(r, "shared", f"small single {task}", key), digits))
    for count in ("60", "250"):
        for task, key in MEASURES.items():
            one, all_ = f"{count} labels, single {task}", f"{count} labels, shared {task}"
            gap = paired(r, all_, one, key)
            better = sum((g > 0) == (key == "weather_accuracy") for g in gap)
            equally = paired(r, f"{count} labels, shared equally {task}", one, key)
            everyone = paired(r, f"{count} labels for all, shared", one, key)
            line(count, task, spread(values(r, one, key).values(), 4), spread(values(r, all_, key).values(), 4), spread(gap, 4), f"better {better}",
                 f"{100 * fmean(gap) / fmean(values(r, one, key).values()):+.1f} %" if gap else "", "equal weights - single " + spread(equally, 4),
                 "few for all - single " + spread(everyone, 4))
    for task, key in MEASURES.items():
        line("4 units", task, spread(values(r, f"tiny single {task}", key).values(), 4), spread(values(r, "tiny shared", key).values(), 4),
             spread(paired(r, "tiny shared", f"tiny single {task}", key), 4))
    for kind in ("single", "small single", "tiny single"):
        print(kind, [(f, round(total(r, [f"{kind} {t}" for t in MEASURES], f), 1)) for f in ("parameters", "cpu_seconds")])
    for kind in ("shared", "shared, equal weights", "tiny shared"):
        print(kind, [(f, round(total(r, [kind], f), 1)) for f in ("parameters", "cpu_seconds")])


def tagger(r):
    print("\nTagger, test")
    for tag in [*TAGS, "genre"]:
        line(tag, *(spread(values(r, n, tag).values(), 2) for n in (f"single {tag}", "shared", f"small {tag}", "shared, trunk 64", f"single {tag}, trunk 64",
                                                              "genre weight 1", "no genre")),
             "shared-single " + spread(paired(r, "shared", f"single {tag}", tag), 2), "shared-small " + spread(paired(r, "shared", f"small {tag}", tag), 2),
             "weight 1 - no genre " + spread(paired(r, "genre weight 1", "no genre", tag), 2), "shared - no genre " + spread(paired(r, "shared", "no genre", tag), 2),
             "64: shared-single " + spread(paired(r, "shared, trunk 64", f"single {tag}, trunk 64", tag), 2))
    for tag in ("deprel", "upos"):
        line("500 sentences", tag, *(spread(values(r, f"few {k} {tag}", tag).values(), 2) for k in ("single", "shared")),
             spread(paired(r, f"few shared {tag}", f"few single {tag}", tag), 2))
    for field in ("parameters", "cpu_seconds"):
        print(field, {k: round(total(r, names, field)) for k, names in {
            "shared": ["shared"], "four single": [f"single {t}" for t in TAGS], "five single": [f"single {t}" for t in [*TAGS, "genre"]],
            "five small": [f"small {t}" for t in [*TAGS, "genre"]], "few shared deprel": ["few shared deprel"], "few single deprel": ["few single deprel"],
            "few shared upos": ["few shared upos"], "shared 64": ["shared, trunk 64"]}.items()})


if __name__ == "__main__":
    for name, report in {"weather": weather, "tagger": tagger}.items():
        report(load(sys.argv[1], name))
