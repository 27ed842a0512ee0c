// Which paths there are: the methods that one takes, and the nearest to one that there is not.
import { edits } from '../core/edits.ts';

/** No name that a path holds has a colon: what follows one is a verb, as in `:predict`. */
const NAME = '[^/:]+';
/** Longer paths, and words in them, are compared with nothing: a caller's typing slip is short. */
const MOST_SEGMENTS = 8;
const MOST_LETTERS = 32;
/** What a segment too many or too few costs, next to one of other letters altogether. */
const MISSING = 0.7;
/** Beyond this much, in words that differ altogether, nothing is near. */
const FAR = 2;

interface Path {
  readonly method: string;
  /** As the API document writes it: `/v1/models/{model}`. */
  readonly text: string;
  readonly pattern: RegExp;
  readonly segments: readonly string[];
}

export class Paths {
  readonly #paths: Path[] = [];

  /** @param url as the router takes it: `:name` is a parameter, `::` a colon. */
  add(method: string, url: string): void {
    const text = url.replace(/(?<!:):(\w+)(\([^)]*\))?/g, '{$1}').replaceAll('::', ':');
    const pattern = text.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{\w+\}/g, NAME);
    this.#paths.push({ method, text, pattern: new RegExp(`^${pattern}/?$`), segments: text.split('/').slice(1) });
  }

  methods(path: string): string[] {
    return [...new Set(this.#paths.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))];
  }

  /** The route that a caller may have meant, such as `POST /v1/models/{model}/predict`. */
  nearest(method: string, path: string): string | undefined {
    const given = path.split('/').slice(1, MOST_SEGMENTS + 1);
    const memo = new Map<string, number>();
    const apart = (known: string, word: string) => {
      const key = `${known}\0${word}`;
      const cost = memo.get(key) ?? distance(known, word);
      memo.set(key, cost);
      return cost;
    };
    let best: Path | undefined;
    let least = FAR;
    for (const route of this.#paths) {
      if (route.text.includes('*') || route.method === 'HEAD' || route.method === 'OPTIONS') continue;
      const cost = alignment(route.segments, given, apart) + (route.method === method ? 0 : 0.1);
      if (cost < least) [best, least] = [route, cost];
    }
    return best && `${best.method} ${best.text}`;
  }
}

/** The least cost of making one list of segments of the other: what differs, and what is missing on either side. */
function alignment(
  known: readonly string[],
  given: readonly string[],
  apart: (known: string, word: string) => number,
): number {
  let before = Array.from({ length: given.length + 1 }, (_, i) => i * MISSING);
  for (const segment of known) {
    const row = [before[0] + MISSING];
    for (let i = 0; i < given.length; i++) {
      row.push(Math.min(before[i] + apart(segment, given[i]), before[i + 1] + MISSING, row[i] + MISSING));
    }
    before = row;
  }
  return before[given.length];
}

/** From 0, the same, to 1, nothing in common; a parameter is nearly anything. */
function distance(known: string, word: string): number {
  if (/^\{\w+\}$/.test(known)) return word === '' ? 1 : 0.05;
  if (known === word) return 0;
  if (word.length > MOST_LETTERS) return 1;
  return edits(known.toLowerCase(), word.toLowerCase()) / Math.max(known.length, word.length);
}
