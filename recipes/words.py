"""What a network sees of a word, in Python: rows of tables (the word, its last or first letters) and eight yes/no
patterns. `word_graph.py` writes the same as graph operators, and `check_words` there compares the two."""
import re
from collections import Counter

LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")  # ASCII only, as in the graph
PIECES = {  # what is cut from the lower-cased word: a Python slice, and the same as an expression for the graph
    "word": (slice(None), None),
    "suffix3": (slice(-3, None), ".{1,3}$"),
    "suffix2": (slice(-2, None), ".{1,2}$"),
    "prefix2": (slice(None, 2), "^.{1,2}"),
    "prefix3": (slice(None, 3), "^.{1,3}"),
}
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


def flags(word):
    return [float(p.fullmatch(word) is not None) for p in COMPILED]


class Vocabulary:
    """A table from string to row for each of `tables` (names of PIECES, "word" first); row 0 is for everything unknown."""

    def __init__(self, sentences, tables, minimum):
        """`sentences`: lists of words; `minimum`: how often a piece must occur to have a row, by table."""
        self.tables = tuple(tables)
        counts = [Counter() for _ in self.tables]
        for words in sentences:
            for word in words:
                for counter, piece in zip(counts, self.pieces(word)):
                    counter[piece] += 1
        kept = [sorted(p for p, n in c.items() if n >= m and p) for c, m in zip(counts, minimum)]
        self.rows = [{p: i + 1 for i, p in enumerate(k)} for k in kept]
        self.word_counts = [0, *(counts[0][p] for p in kept[0])]

    def pieces(self, word):
        """The strings that are looked up, in the order of the tables."""
        low = word.translate(LOWER)
        return [low[PIECES[t][0]] for t in self.tables]

    def sizes(self):
        return [len(r) + 1 for r in self.rows]

    def ids(self, word):
        return [rows.get(piece, 0) for rows, piece in zip(self.rows, self.pieces(word))]
