// The CPU time and memory of a process and of all that it started, as Linux tells them; elsewhere NaN.
import { readdirSync, readFileSync } from 'node:fs';

const TICK_S = 0.01;

/** The process and its descendants. */
function familyOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap(thread => {
    const text = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  });
  return [pid, ...children.flatMap(familyOf)];
}

/** User and system seconds so far. */
export function cpuSeconds(pid: number): number {
  if (process.platform !== 'linux') return Number.NaN;
  return familyOf(pid).reduce((sum, member) => {
    const [, , ...fields] = readFileSync(`/proc/${member}/stat`, 'utf8')
      .replace(/\(.*\)/, '')
      .split(/ +/);
    return sum + (Number(fields[10]) + Number(fields[11])) * TICK_S;
  }, 0);
}

/** Resident MiB of each process. */
export function residentMiB(pid: number): number[] {
  if (process.platform !== 'linux') return [];
  return familyOf(pid).map(member => {
    const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${member}/status`, 'utf8')) ?? [];
    return Math.round(Number(kib) / 1024);
  });
}
