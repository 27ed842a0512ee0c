// What every method of explanation asks: the model's explained outputs at points between a baseline and the input.

/** One weight a cell: 1 takes the input's value, 0 the baseline's, between them and beyond the straight line through both. */
export type Point = Float64Array;

export interface Game {
  /** Values of the input, one for every feature of every time step. */
  readonly cells: number;
  /** Numbers explained at once: every row asked serves all of them. */
  readonly outputs: number;
  /** Whether input and baseline differ in a cell; where they do not, its attribution is 0 and nothing is asked. */
  differs(cell: number): boolean;
  /** The outputs at each point, in order; undefined when time or rows are used up. */
  ask(points: readonly Point[]): Promise<Float64Array[] | undefined>;
}

/** Cells that are replaced together. */
export type Group = readonly number[];

/** Attributions to cells, by output; NaN where the time did not suffice. */
export interface Attribution {
  readonly attributions: readonly Float64Array[];
  /** The largest standard error of a cell, by output; only where the method samples. */
  readonly standardErrors?: readonly number[];
  readonly partial: boolean;
}

/** The input itself, and the baseline. */
export function ends(cells: number): { input: Point; baseline: Point } {
  return { input: new Float64Array(cells).fill(1), baseline: new Float64Array(cells) };
}

export function noAttributions({ cells, outputs }: Game): Float64Array[] {
  return Array.from({ length: outputs }, () => new Float64Array(cells));
}
