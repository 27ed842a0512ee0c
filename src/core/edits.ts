// How far two words are apart, to tell what somebody may have meant.

/** How many letters must be put in, taken out or changed (Levenshtein, "Binary codes capable of correcting deletions", 1966). */
export function edits(one: string, other: string): number {
  let before = Array.from({ length: other.length + 1 }, (_, i) => i);
  for (let i = 0; i < one.length; i++) {
    const row = [i + 1];
    for (let j = 0; j < other.length; j++) {
      row.push(Math.min(before[j] + Number(one[i] !== other[j]), before[j + 1] + 1, row[j] + 1));
    }
    before = row;
  }
  return before[other.length];
}

/** The known word that is nearest to a given one, if it is near enough to be what was meant. */
export function nearestWord(given: string, known: readonly string[]): string | undefined {
  if (given.length > MOST_LETTERS) return undefined;
  let best: string | undefined;
  let least = Math.max(1, Math.round(0.4 * given.length));
  for (const word of known) {
    const count = edits(given.toLowerCase(), word.toLowerCase());
    if (count > least || (count === least && best !== undefined)) continue;
    [best, least] = [word, count];
  }
  return best;
}

/** Longer words are not compared. */
const MOST_LETTERS = 64;
