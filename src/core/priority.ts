// The place of a thread among others: what computes goes behind what answers.
import { getPriority, setPriority } from 'node:os';

const BEHIND = 5;

/** On Linux a thread has a priority of its own. One that stands further back already may not come forward, and stays. */
export function standBehind(): void {
  if (process.platform === 'linux' && getPriority() < BEHIND) setPriority(BEHIND);
}
