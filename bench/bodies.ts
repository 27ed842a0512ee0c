// The request bodies of the benchmark: random days of weather, as arrays of numbers (categories by index).

const random = (() => {
  let state = 7;
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state / 4294967296;
  };
})();
const between = (low: number, high: number) => low + random() * (high - low);
const tenth = (value: number) => Math.round(value * 10) / 10;
const pick = (count: number) => Math.floor(random() * count);

export function day(): number[] {
  const low = between(-5, 20);
  return [
    tenth(between(0, 20)),
    tenth(low + between(2, 10)),
    tenth(low),
    tenth(between(0, 9)),
    pick(5),
    1 + pick(366),
    pick(2),
  ];
}

function body(lengths: readonly number[]): string {
  return JSON.stringify({ sequences: lengths.map(length => Array.from({ length }, day)) });
}

export interface Scenario {
  readonly name: string;
  readonly sequencesPerRequest: number;
  readonly meanLength: number;
  readonly bodies: readonly string[];
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'one sequence of 10 steps',
    sequencesPerRequest: 1,
    meanLength: 10,
    bodies: Array.from({ length: 64 }, () => body([10])),
  },
  {
    name: 'one sequence of 8 to 64 steps',
    sequencesPerRequest: 1,
    meanLength: 36,
    bodies: Array.from({ length: 114 }, (_, i) => body([8 + (i % 57)])),
  },
  {
    name: '32 sequences of 10 steps',
    sequencesPerRequest: 32,
    meanLength: 10,
    bodies: Array.from({ length: 16 }, () => body(new Array(32).fill(10))),
  },
];
