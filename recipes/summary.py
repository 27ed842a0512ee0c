"""Prints a study's figures as tables, from its committed results: mean ± standard deviation over seeds and their number, and with
--against the differences to one run, taken seed by seed. Needs Python alone.
Usage: python summary.py FILE [--part test] [--only TEXT] [--against NAME] [--digits 2]"""
import argparse
import json
from pathlib import Path
from statistics import fmean, stdev


def spread(numbers, digits, sign=False):
    numbers = list(numbers)
    if not numbers:
        return "–"
    text = f"{fmean(numbers):{'+' if sign else ''}.{digits}f}".replace("-", "−")
    return text + (f" ± {stdev(numbers):.{digits}f}" if len(numbers) > 1 else "") + f" ({len(numbers)})"


def by_seed(runs, name, part):
    """{seed: {measure: value}} of one run."""
    return {r["seed"]: r[part] for r in runs if r["name"] == name and part in r}


def row(name, cells):
    print("| " + " | ".join([name, *cells]) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--part", default="test")
    parser.add_argument("--only", default="", help="names that hold this text, or any of several parted by |")
    parser.add_argument("--against")
    parser.add_argument("--digits", type=int, default=2)
    args = parser.parse_args()
    runs = json.loads(args.file.read_text())["runs"]
    names = [n for n in dict.fromkeys(r["name"] for r in runs) if any(text in n for text in args.only.split("|"))]
    measures = list(dict.fromkeys(m for r in runs if r["name"] in names for m in r.get(args.part, {})))
    print(f"{args.file.name}, {args.part}: mean ± standard deviation (seeds)")
    row("run", [*measures, "parameters", "CPU s"])
    row("---", ["---"] * (len(measures) + 2))
    for name in names:
        found = by_seed(runs, name, args.part)
        mine = [r for r in runs if r["name"] == name]
        row(name, [*(spread((v[m] for v in found.values() if m in v), args.digits) for m in measures),
                   f"{mine[0]['parameters']:,}" if "parameters" in mine[0] else "–", spread((r["cpu_seconds"] for r in mine if "cpu_seconds" in r), 0)])
    if args.against:
        base = by_seed(runs, args.against, args.part)
        print(f"\nless {args.against}, seed by seed")
        row("run", measures)
        row("---", ["---"] * len(measures))
        for name in names:
            found = by_seed(runs, name, args.part)
            both = [s for s in found if s in base and name != args.against]
            if both:
                row(name, [spread((found[s][m] - base[s][m] for s in both if m in found[s] and m in base[s]), args.digits, sign=True) for m in measures])


if __name__ == "__main__":
    main()
