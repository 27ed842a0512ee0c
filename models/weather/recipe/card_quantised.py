"""The card of the quantised model, written from the measured figures alone."""
from card import MEASURES, table


def card(m):
    """CARD.md as text."""
    rows = [[name, *(f"{m['test'][kind][key]:.{digits}f}" for kind in ("float32", "8 bits"))] for key, (name, digits, _) in MEASURES.items()]
    rows += [[f"{head}, inside the interval %", *(f"{m['coverage'][kind][head]['inside']:.1f}" for kind in ("float32", "8 bits"))]
             for head in m["coverage"]["8 bits"]]
    times = [[f"{n} day{'s' if n != '1' else ''}", *(f"{t[kind]:.0f}" for kind in ("float32", "8 bits"))] for n, t in m["microseconds"].items()]
    gaps = [[split, d["days"], f"{d['median']:.4f}", f"{d['90 %']:.4f}", f"{d['worst']:.4f}", d["over_tolerance"]] for split, d in m["distance"].items()]
    return f"""# Weather in 8 bits, version 1

The answers of the model `weather`, from a net of the same recipe whose LSTM weights are stored in 8 bits (onnxruntime's dynamic
quantisation, operator `DynamicQuantizeLSTM`, one scale a row of weights, stored without sign so that no processor's sums saturate). The heads stay float32: in 8 bits they would save 2 kB and bring in most of the error.
It is here to show what a quantised graph costs and how the server treats it; for use, take `weather`.

## Data and training
Data, split and training are those of `weather` (see its card), but for a dropout of .5 in place of .3, with which the validation loss is level and the
rounding of the state counts less. Of the seeds 0 to 4, seed {m['seed']} was taken: the one whose 8-bit graph is closest to its
float graph on the worst validation day. Interval widths were set on validation with the float net.

## What the 8 bits cost
The test year 2015, histories of 14 days, each in a run of its own.

{table(["test 2015", "float32", "**8 bits**"], rows)}

An answer's distance to PyTorch's float answer is |a − b| / max(1, |b|), the largest over all heads and bounds of a day:

{table(["split", "days", "median", "90 % of days below", "worst", "days above .01"], gaps)}

The golden cases are PyTorch's float values; their worst distance is {m['golden_worst']:.4f} and their tolerance .01. As the table says, some other days are
further off: the tolerance holds for the golden cases, not for every history.

**Never batched.** The scale of the input is taken over the whole batch, so neighbours move an answer: by up to {m['neighbours_worst']:.3f} in batches of eight test days.
The server finds this when it loads the graph and runs every sequence alone. Nor can it be continued: a history cut in two is scaled
twice, so streams and state tokens are refused.

| median µs a run, one history, one thread | float32 | 8 bits |
| --- | --- | --- |
{chr(10).join("| " + " | ".join(r) + " |" for r in times)}

Times were taken in turn on one busy machine, so only their ratio means something. For a net this small 8 bits buy file size, {m['bytes']['8 bits']:,} bytes
against {m['bytes']['float32']:,}; the time above says what they do to a run.

## Limits
Those of `weather`. A history of 365 days is rounded with one scale, so a single extreme day makes all the others coarser. A kept state is rounded
along the way: step by step and all at once do not give the same bits. `DynamicQuantizeLSTM` is onnxruntime's own operator and runs on CPUs only.
"""
