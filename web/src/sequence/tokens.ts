// A sentence to tokens and back, for models whose vocabulary lies in the graph: words and marks apart, as treebanks do.

export function tokensOf(sentence: string): string[] {
  return sentence.match(/\p{L}+['’]?(?:[\p{L}\p{N}-]+)*|\p{N}+(?:[.,:]\p{N}+)*|[^\s\p{L}\p{N}]+/gu) ?? [];
}

/** A text cut as the server cuts it where a model takes whole texts: runs of letters, digits and underscores, and single other characters. */
export function wordsOf(text: string): string[] {
  return text.match(/[\p{L}\p{N}_]+|\S/gu) ?? [];
}

export function sentenceOf(tokens: readonly string[]): string {
  return tokens
    .join(' ')
    .replace(/ ([.,!?;:)\]}…])/g, '$1')
    .replace(/([([{]) /g, '$1');
}
