// Texts cut into words, for callers that send a sentence where the graph wants one string a step.

/** A text and where its words lie. */
export interface TokenText {
  readonly text: string;
  /** First and one after the last UTF-16 unit of each word, one pair after the other. */
  readonly places: Int32Array;
}

/** A run of letters, digits and underscores, or one other character; white space parts words and is none. */
const WORD = /[\p{L}\p{N}_]+|\S/gu;

export function splitWords(text: string): { readonly words: string[]; readonly origin: TokenText } {
  const matches = [...text.matchAll(WORD)];
  const words = matches.map(([word]) => word);
  const places = Int32Array.from(matches.flatMap(({ index, 0: word }) => [index, index + word.length]));
  return { words, origin: { text, places } };
}
