// How a budget of rows is spent: windows for occlusion, groups and orders for Shapley values, nodes for integrated gradients.
import { ServiceError } from '../../core/errors.ts';
import type { CellBlock, Cells } from './cells.ts';
import type { Group } from './game.ts';

/** Time steps and features of a window; a token or id has one feature. */
export interface WindowSize {
  readonly steps: number;
  readonly features: number;
}

/** Pairs of orders that a mean shall rest on at least, where groups can be made larger for it. */
const FEW_PAIRS = 4;
const MOST_PAIRS = 256;
const MOST_NODES = 32;

/** Windows of the size asked for at every place, or blocks that part the cells where those would be too many. */
export function occlusionWindows(cells: Cells, budget: number, size: WindowSize | undefined): Group[] {
  if (!size) return groupsOf(cells, budget);
  const windows = cells.blocks.flatMap(block => slidingWindows(block, size));
  if (windows.length <= budget) return windows;
  throw new ServiceError('INVALID_REQUEST', `these windows take ${windows.length} rows, budget is ${budget}`);
}

export function shapleyPlan(cells: Cells, budget: number): { groups: Group[]; pairs: number } {
  const groups = groupsOf(cells, Math.max(1, Math.floor(budget / (2 * FEW_PAIRS))));
  const alive = groups.filter(group => group.some(cell => cells.differs(cell))).length;
  const pairs = Math.floor(budget / Math.max(1, 2 * (alive - 1)));
  return { groups, pairs: Math.min(MOST_PAIRS, Math.max(1, pairs)) };
}

/** @throws {ServiceError} INVALID_REQUEST if not even one node fits. */
export function gradientNodes(cells: Cells, budget: number): number {
  const differing = [...Array(cells.count).keys()].filter(cell => cells.differs(cell)).length;
  if (2 * differing > budget) {
    const detail = `integrated gradients take ${2 * differing} rows a node for this sequence, budget is ${budget}`;
    throw new ServiceError('INVALID_REQUEST', detail);
  }
  return Math.min(MOST_NODES, Math.floor(budget / Math.max(1, 2 * differing)));
}

/** Single cells, or blocks of neighbouring time steps of one feature, as small as `most` groups allow. */
function groupsOf(cells: Cells, most: number): Group[] {
  const { blocks } = cells;
  for (let steps = 1; ; steps *= 2) {
    const groups = blocks.flatMap(block => blocksOf(block, steps));
    const alive = groups.filter(group => group.some(cell => cells.differs(cell)));
    if (alive.length <= most || steps >= cells.count) return groups;
  }
}

/** Runs of `steps` steps for each feature; of a row without features, runs of its values. */
function blocksOf({ first, count, slides }: CellBlock, steps: number): number[][] {
  const { length: width } = slides;
  return Array.from({ length: Math.ceil(count / width / steps) }, (_, b) => b * steps).flatMap(from =>
    slides.map((_, f) => {
      const to = Math.min(from + steps, count / width);
      return Array.from({ length: to - from }, (_, s) => first + (from + s) * width + f);
    }),
  );
}

/** Every place where a window fits, one step or feature on from the last. */
function slidingWindows({ first, count, slides }: CellBlock, size: WindowSize): number[][] {
  const { length: width } = slides;
  const length = count / width;
  const [high, wide] = [Math.min(size.steps, length), Math.min(size.features, width)];
  const places = (room: number) => [...Array(room + 1).keys()];
  return places(length - high).flatMap(t =>
    places(width - wide).map(f =>
      Array.from({ length: high * wide }, (_, i) => first + (t + Math.floor(i / wide)) * width + f + (i % wide)),
    ),
  );
}
