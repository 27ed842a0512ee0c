// Other processors than this one, by qemu's user mode: Node runs in it as it is, only slower.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

export interface Processor {
  readonly name: string;
  /** Sums 8-bit products of signed weights in 16 bits, which saturate. */
  readonly saturates: boolean;
  /** What runs Node on it. */
  readonly node: readonly string[];
}

const QEMU = 'qemu-x86_64';

/** Why no other processor can be had here, or false. */
export function emulatorMissing(): string | false {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return `they are x86, this is ${process.platform} ${process.arch}`;
  if (spawnSync(QEMU, ['--version']).status !== 0) return `${QEMU} is not installed (Debian's package qemu-user)`;
  const { status, signal } = spawnSync(QEMU, ['-cpu', 'Haswell', process.execPath, '--version']);
  return status !== 0 && `${QEMU} cannot run Node here (${signal ?? status})`;
}

/** A processor by qemu's name for it. */
export function emulated(name: string, saturates: boolean): Processor {
  return { name, saturates, node: [QEMU, '-cpu', name, process.execPath] };
}

/** This machine's own processor. */
export function native(): Processor {
  const flags = process.arch === 'x64' && process.platform === 'linux' ? readFileSync('/proc/cpuinfo', 'utf8') : '';
  const saturates = /\bavx2\b/.test(flags) && !/vnni\b/.test(flags);
  return { name: `native (${cpus()[0]?.model ?? process.arch})`, saturates, node: [process.execPath] };
}

/** Runs a compiled script of this folder on a processor. Returns what it prints. */
export function runOn({ node }: Processor, script: string, ...args: string[]): string {
  const [command, ...rest] = [...node, `${import.meta.dirname}/${script}`, ...args];
  return execFileSync(command, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}
