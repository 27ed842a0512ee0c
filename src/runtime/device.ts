// The GPUs and their driver as the kernel module tells them, without opening CUDA.
import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Provider } from '../core/providers.ts';

const FOLDER = '/proc/driver/nvidia';

export interface Devices {
  /** Names of the GPUs, in the order of their device files; CUDA may count them otherwise. */
  readonly gpus: readonly string[];
  /** The driver's version; undefined without one. */
  readonly driver?: string;
}

/** What there is; nothing where no driver is loaded. */
export function devices(folder = FOLDER): Devices {
  try {
    const driver = readFileSync(`${folder}/version`, 'utf8').match(/Kernel Module\s+(?:for \S+\s+)?([\d.]+)/)?.[1];
    const gpus = readdirSync(`${folder}/gpus`).map(bus => readFileSync(`${folder}/gpus/${bus}/information`, 'utf8'));
    const minorOf = (text: string) => Number(text.match(/Device Minor:\s*(\d+)/)?.[1] ?? 0);
    const nameOf = (text: string) => text.match(/Model:\s*(.+)/)?.[1].trim() ?? 'unknown';
    return { gpus: gpus.sort((a, b) => minorOf(a) - minorOf(b)).map(nameOf), driver };
  } catch {
    return { gpus: [] };
  }
}

/** What a model runs on; its certificate holds there. */
export interface DeviceFacts {
  /** The processor's name, or the GPU's; those of all GPUs where they differ, for CUDA may count them otherwise. */
  readonly device: string;
  readonly driver?: string;
  /** Whether CUDA may multiply in TF32. */
  readonly tf32?: boolean;
}

export function deviceOf(provider: Provider, tf32: boolean, { gpus, driver } = devices()): DeviceFacts {
  if (provider === 'cpu') return { device: cpus()[0]?.model.trim() || 'unknown' };
  return { device: [...new Set(gpus)].join(', ') || 'unknown', driver, tf32 };
}
