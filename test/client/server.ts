// What the client's tests share: a served weather model, its golden sequences, and a client that may be made to fail.
import { readFileSync } from 'node:fs';
import { ROOT } from '../support/server/service.ts';

export interface Step {
  precipitation: number;
  temp_max: number;
  temp_min: number;
  wind: number;
  weather: string;
  day_of_year: number;
  city: string;
}

/** The two sequences of the weather model's example, of ten and seven days. */
export const EXAMPLE: Step[][] = JSON.parse(readFileSync(`${ROOT}models/weather/1/example.json`, 'utf8')).sequences;

/** A fetch that counts its calls and lets `first` answer instead of the network, or go on to it with undefined. */
export function interceptedFetch(
  first: (call: number, init: RequestInit | undefined) => Promise<Response> | undefined,
) {
  const calls: { readonly url: string; readonly headers: Headers; readonly body: unknown }[] = [];
  const intercepted: typeof fetch = (input, init) => {
    calls.push({ url: `${input}`, headers: new Headers(init?.headers), body: init?.body });
    return first(calls.length, init) ?? fetch(input, init);
  };
  return { fetch: intercepted, calls };
}
