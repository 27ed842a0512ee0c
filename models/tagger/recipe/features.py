"""What the network sees of a word, in Python: four numbers of table rows (word, last three letters, last two, first
two) and eight yes/no patterns. `strings.py` writes the same as graph operators; `check.py` compares the two."""
import re
from collections import Counter

LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")  # ASCII only, as in the graph
TABLES = ["word", "suffix3", "suffix2", "prefix2"]
PATTERNS = {  # whole-word patterns, in a syntax that Python and RE2 read alike
    "capital": "[A-Z].*",
    "all capitals": "[^a-z]*[A-Z][^a-z]*[A-Z][^a-z]*",
    "digit": ".*[0-9].*",
    "number": "[+-]?[0-9][0-9.,:/]*",
    "punctuation": "[^A-Za-z0-9]+",
    "hyphen": ".+-.+",
    "address": r".*(@|www\.|://|\.com|\.org|\.net|\.edu|\.gov).*",
    "lower case": "[a-z]+",
}
COMPILED = [re.compile(p) for p in PATTERNS.values()]


def pieces(word):
    """The four strings that are looked up, in the order of TABLES."""
    low = word.translate(LOWER)
    return low, low[-3:], low[-2:], low[:2]


def flags(word):
    return [float(p.fullmatch(word) is not None) for p in COMPILED]


class Vocabulary:
    """Four tables from string to row; row 0 is for everything unknown."""

    def __init__(self, sentences, minimum=(2, 3, 3, 3)):
        counts = [Counter() for _ in TABLES]
        for s in sentences:
            for word in s.words:
                for counter, piece in zip(counts, pieces(word)):
                    counter[piece] += 1
        kept = [sorted(p for p, n in c.items() if n >= m and p) for c, m in zip(counts, minimum)]
        self.rows = [{p: i + 1 for i, p in enumerate(k)} for k in kept]
        self.word_counts = [0, *(counts[0][p] for p in kept[0])]

    def sizes(self):
        return [len(r) + 1 for r in self.rows]

    def ids(self, word):
        return [rows.get(piece, 0) for rows, piece in zip(self.rows, pieces(word))]
