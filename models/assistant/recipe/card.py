"""The model card, written from the measured figures alone."""
import numpy as np

PUBLISHED = {
    "attention BiRNN (Liu and Lane 2016)": (96.7, 87.8, 74.1),
    "slot-gated (Goo et al. 2018)": (97.0, 88.8, 75.5),
    "Stack-Propagation without BERT (Qin et al. 2019)": (98.0, 94.2, 86.9),
    "JointBERT, pretrained (Chen et al. 2019)": (98.6, 97.0, 92.8),
}
TASKS = ("intent", "slot_f1", "exact")


def table(rows):
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(str(c) for c in line) + " |" for line in lines)


def results(m):
    each = {t: [s["test"][t] for s in m["seeds"]] for t in TASKS}
    rows = [["on the 700 test utterances", "intent right, %", "slot F1, %", "all right, %"]]
    rows += [[name, *(f"{v:.1f}" for v in values)] for name, values in PUBLISHED.items()]
    rows.append([f"mean of {len(m['seeds'])} seeds", *(f"{np.mean(v):.2f} ± {np.std(v, ddof=1):.2f}" for v in each.values())])
    rows.append(["**this model**", *(f"**{m['test_served_graph'][t]:.2f}** ± {m['standard_error'][t]:.2f}" for t in TASKS)])
    return table(rows)


def groups(m):
    rows = [["test utterances", "number", "intent", "slot F1", "all right"]]
    rows += [[g, f["utterances"], *(f"{f[t]:.1f}" for t in TASKS)] for g, f in m["test_by_group"].items()]
    return table(rows)


def card(m):
    """CARD.md as text."""
    g, s = m["graph"], m["settings"]
    seconds = [v for f in m["seeds"] for k, v in f.items() if k.endswith("_seconds")]
    where = "CPU seconds a seed on one core" if "cpu_seconds" in m["seeds"][0] else "seconds a seed on one H100 GPU, the seeds side by side"
    return f"""# Assistant, version 1

What a spoken or typed request asks for (7 intents) and the particulars it gives (39 kinds of slot): a bidirectional LSTM of {s['hidden']} units a direction is
shared by both; a second one of {s['second']} reads it for the slots, together with the intent's probabilities. A caller sends the text, or its words; the vocabulary, the
pieces and the patterns of the words are in the graph. The server takes the best legal path through the slots' labels (a linear-chain CRF).

## Intended use
To show and to try language understanding in one small graph: what an assistant of the years around 2017 was asked (music, playlists, books, films, restaurants, weather), in
English. A starting point for one's own intents and data. Not for decisions about people, and not for requests of any other kind: there is no "none of these", so everything gets one of the seven intents.

## Data and training
The SNIPS benchmark `sonos/nlu-benchmark` (Coucke et al. 2018, arXiv 1805.10190), licence **CC0 1.0**: {m['utterances']['train']:,} / {m['utterances']['dev']:,} / {m['utterances']['test']:,} utterances,
{m['words']['train']:,} / {m['words']['dev']:,} / {m['words']['test']:,} words. It was written by crowd workers asked for such requests; nobody's real requests are in it. The weights come from it alone, with no pretrained
vectors, and are passed on under CC0 as well.
A word is its lower-cased form ({s['tables'][0] - 1:,} that occur twice or more in training), its last three and two and first two and three letters, and eight patterns. {s['epochs']} epochs, batches of 32
utterances of one length, Adam, dropout {s['dropout']}; {np.mean(seconds):.0f} {where}. Settings were chosen on dev, the last weights are kept, and of the seeds {', '.join(str(f['seed']) for f in m['seeds'])} the one with the
best sum of the three figures on dev was taken: seed {m['chosen']}. The test split was looked at once, after all choices.

## Results
Slot F1 counts whole slots by their place in the text, as conlleval does. ± is one standard error of the test set (bootstrap over utterances) for the model, one standard deviation for the seeds.

{results(m)}

**Not like for like**: the published figures are for lower-cased text already cut into words, and choose their settings in ways of their own; here the text is cut by the server's rule (which
cuts through 6 of the 1,794 test slots: they count as missed) and its case is read. Published figures are those the papers give.

{groups(m)}

{m['unknown_test_words']:.1f} % of the test words are not in the vocabulary.

## Limits
- Other languages and other topics get an answer without meaning. A request with two wishes gets one intent.
- Most slots that are missed have the right words and the wrong kind: an album or an artist, a film or a book, which only knowledge of the world tells apart.
- `probability` of the slots is that of the whole labelling, not of one slot. It was not calibrated.
- The data has few dialects and few names that are not English; how it does with them was not measured.
- Both directions are read, so a request must be whole: there is no state to keep between calls.
- Lower-casing is for ASCII letters only. Empty words, emoji, control characters and words of 100,000 letters get an answer and do no harm.

## Size
{g['parameters']:,} parameters, {g['bytes']:,} bytes, opset 20. Weights with 1,000 values or more are stored as float16 and made float32 when the model is loaded; all
arithmetic is float32, and all figures here are of the stored weights. onnxruntime differs from PyTorch (float64) by at most
{max(g['worst_difference_to_torch'], g['worst_difference_to_golden']):.1e}; a request answers the same bits alone and in any padded batch on a CPU. `Tokenizer` is onnxruntime's own operator, so the graph needs that runtime.
"""
