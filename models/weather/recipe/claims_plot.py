"""Draws the plots of docs/claims.md from the results of the study. Same results, same bytes.
Usage: python claims_plot.py FOLDER   (reads weather.json and tagger.json there and writes the SVG files beside them;
needs requirements-plot.txt)"""
import sys
from pathlib import Path
from statistics import fmean, stdev

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

from claims_summary import MEASURES, TAGS, load, total, values

BLUE, ORANGE, GREEN, GREY, INK = "#1f6fb2", "#d9762b", "#2f8f5b", "#8c8c8c", "#333333"
HEADS = {"rain": "rain\n(Brier)", "weather": "weather\n(error)", "temp_max": "temp_max\n(MAE)", "temp_min": "temp_min\n(MAE)", "wind": "wind\n(MAE)"}
plt.rcParams.update({
    "svg.hashsalt": "polyhead", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 11, "text.color": INK, "axes.labelcolor": INK,
    "xtick.color": INK, "ytick.color": INK, "axes.edgecolor": "#bbbbbb", "axes.spines.top": False, "axes.spines.right": False,
})


def save(figure, folder, name):
    figure.tight_layout()
    path = Path(folder) / f"{name}.svg"
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    path.write_text("\n".join(text.rstrip() for text in path.read_text().splitlines()) + "\n")
    plt.close(figure)


def sd(numbers):
    return stdev(numbers) if len(numbers) > 1 else 0.0


def points(axis, x, numbers, colour, label=None):
    """Mean with one standard deviation, and every seed as a small dot beside it."""
    axis.errorbar(x, fmean(numbers), sd(numbers), fmt="o", color=colour, capsize=4, markersize=7, linewidth=2, label=label)
    axis.plot([x + 0.11] * len(numbers), numbers, ".", color=colour, alpha=0.45, markersize=5)


def relative(results, one, other, task):
    """Per cent by which the error of `one` is below (-) or above (+) that of `other`, seed by seed."""
    key = MEASURES[task]
    a, b = values(results, one, key), values(results, other, key)
    error = (lambda v: 100 - v) if key == "weather_accuracy" else (lambda v: v)
    return [100 * (error(a[s]) / error(b[s]) - 1) for s in sorted(a.keys() & b.keys())]


def weather_differences(weather, folder):
    figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.9), sharey=True)
    panels = [("every label", "shared", "single {}"), ("250 labelled days for this task", "250 labels, shared {}", "250 labels, single {}"),
              ("60 labelled days for this task", "60 labels, shared {}", "60 labels, single {}")]
    for axis, (title, one, other) in zip(axes, panels):
        axis.axhline(0, color="#bbbbbb", linewidth=1, zorder=0)
        for x, task in enumerate(HEADS):
            found = relative(weather, one.format(task), other.format(task), task)
            if found:
                points(axis, x, found, BLUE)
        axis.set_xticks(range(len(HEADS)), HEADS.values(), fontsize=7.5)
        axis.set_title(title, fontsize=11)
    axes[0].set_ylabel("error of the shared net against\na single net, % (below 0: better)")
    save(figure, folder, "weather-sharing")


def tagger_accuracy(tagger, folder):
    figure, axes = plt.subplots(1, 4, figsize=(11.5, 3.7))
    kinds = [("single {}", ORANGE, "own net"), ("shared", BLUE, "shared"), ("small {}", GREY, "small\nown net")]
    for axis, task in zip(axes, TAGS):
        for x, (name, colour, _) in enumerate(kinds):
            found = list(values(tagger, name.format(task), task).values())
            if found:
                points(axis, x, found, colour)
                axis.annotate(f"{fmean(found):.1f}", (x, fmean(found)), xytext=(-10, 0), textcoords="offset points", ha="right", va="center", color=colour)
        axis.set_xticks(range(3), [f"{label}\nn={len(values(tagger, name.format(task), task))}" for name, _, label in kinds], fontsize=8.5)
        axis.set_xlim(-0.9, 2.4)
        axis.set_title(task)
    axes[0].set_ylabel("% right on test")
    save(figure, folder, "tagger-sharing")


def few_labels(tagger, folder):
    figure, axes = plt.subplots(1, 2, figsize=(7.5, 3.7))
    beside = {"deprel": "beside it: upos, xpos, feats in full", "upos": "beside it: deprel, genre in full"}
    for axis, task in zip(axes, beside):
        one, all_ = (values(tagger, f"few {kind} {task}", task) for kind in ("single", "shared"))
        for seed in sorted(one.keys() & all_.keys()):
            axis.plot([0, 1], [one[seed], all_[seed]], color=BLUE, marker="o", linewidth=1.5, markersize=5)
        for x, found, colour in ((0, one, ORANGE), (1, all_, BLUE)):
            mean = fmean(found.values())
            axis.annotate(f"{mean:.1f}", (x, mean), xytext=(-12 if x == 0 else 12, 0), textcoords="offset points", ha="right" if x == 0 else "left", va="center", color=colour)
        axis.plot([0] * len(one), list(one.values()), "o", color=ORANGE, markersize=5, zorder=3)
        axis.set_xticks([0, 1], ["own net", "shared"])
        axis.set_xlim(-0.45, 1.45)
        axis.set_title(f"{task}, 500 labelled sentences\n{beside[task]}", fontsize=10)
    axes[0].set_ylabel("% right on test (a line a seed)")
    save(figure, folder, "tagger-few-labels")


def conflict(tagger, folder):
    figure, axes = plt.subplots(1, 5, figsize=(14.5, 3.6))
    kinds = [("genre weight 1", ORANGE, "weight\n1"), ("shared", BLUE, "weight\n.05"), ("branch, a quarter", GREEN, "own\nbranch"), ("no genre", GREY, "no\ngenre")]
    for axis, task in zip(axes, [*TAGS, "genre"]):
        shown = [*kinds[:3], ("single genre", GREY, "own\nnet")] if task == "genre" else kinds
        for x, (name, colour, _) in enumerate(shown):
            found = list(values(tagger, name, task).values())
            if found:
                points(axis, x, found, colour)
                axis.annotate(f"{fmean(found):.1f}", (x, fmean(found)), xytext=(-9, 0), textcoords="offset points", ha="right", va="center", color=colour, fontsize=10)
        axis.set_xticks(range(4), [f"{label}\nn={len(values(tagger, name, task))}" for name, _, label in shown], fontsize=8.5)
        axis.set_xlim(-0.95, 3.4)
        axis.set_title(task)
    axes[0].set_ylabel("% right on test")
    figure.supxlabel("genre in the shared trunk by the weight of its loss, in a branch, or not at all", fontsize=10)
    save(figure, folder, "tagger-conflict")


def cost(weather, tagger, folder):
    figure, axes = plt.subplots(1, 4, figsize=(11.5, 2.4))
    nets = {"tagger": (tagger, [f"single {t}" for t in [*TAGS, "genre"]]), "weather": (weather, [f"single {t}" for t in MEASURES])}
    pairs = [(d, f) for f in ("parameters", "cpu_seconds") for d in nets]
    for axis, (name, field) in zip(axes, pairs):
        results, singles = nets[name]
        sizes = [total(results, ["shared"], field), total(results, singles, field)]
        axis.barh([0, 1], sizes, color=[BLUE, ORANGE], height=0.6)
        for y, size in enumerate(sizes):
            text = f"{size:,.0f}" if field == "parameters" or size > 50 else f"{size:.1f}"
            axis.annotate(text, (size, y), xytext=(4, 0), textcoords="offset points", va="center", fontsize=10)
        axis.set_yticks([0, 1], ["shared", "five nets"])
        axis.set_xlim(0, 1.55 * max(sizes))
        axis.set_xticks([])
        axis.spines["bottom"].set_visible(False)
        axis.invert_yaxis()
        axis.set_title(f"{name}: {'parameters' if field == 'parameters' else 'training, CPU s'}\n{sizes[1] / sizes[0]:.1f} times", fontsize=10)
    save(figure, folder, "cost")


if __name__ == "__main__":
    target = sys.argv[1]
    days, words = load(target, "weather"), load(target, "tagger")
    weather_differences(days, target)
    tagger_accuracy(words, target)
    few_labels(words, target)
    conflict(words, target)
    cost(days, words, target)
