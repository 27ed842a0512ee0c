// What this process may use of the machine: a container's share of cores and memory may be far less than the machine has.
import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';

export interface Share {
  readonly cores: number;
  readonly bytes: number;
}

/** Cores by affinity and by the quota of the control group, which Node 20 does not look at. */
export function ownShare(quotaFile = '/sys/fs/cgroup/cpu.max'): Share {
  const limit = process.constrainedMemory();
  return {
    cores: Math.max(1, Math.min(availableParallelism(), quotaOf(quotaFile))),
    bytes: limit > 0 ? Math.min(totalmem(), limit) : totalmem(),
  };
}

/** `<microseconds> <of as many>`, or `max`; no file, no quota. */
function quotaOf(file: string): number {
  try {
    const [quota, period] = readFileSync(file, 'utf8').trim().split(' ');
    return quota === 'max' ? Infinity : Math.floor(Number(quota) / Number(period));
  } catch {
    return Infinity;
  }
}

/** A serving process with a model in it takes 200 MiB and more. */
const PROCESS_BYTES = 512 * 1024 * 1024;
const MOST_PROCESSES = 8;

/** How many serving processes fit. */
export function processesFor({ cores, bytes }: Share): number {
  return Math.max(1, Math.min(MOST_PROCESSES, cores, Math.floor(bytes / PROCESS_BYTES)));
}
