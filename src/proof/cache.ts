// Findings kept on disk, so that a restart need not find out again. A file is believed only if everything that the finding
// depends on is the same and nobody has touched it.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { constants, readFileSync } from 'node:fs';
import { lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { cpus } from 'node:os';
import path from 'node:path';
import { devices } from '../runtime/device.ts';
import { type Finding, findingSchema } from './finding.ts';

/** Counts changes of what a proof tries or concludes: what an earlier one found is then found out anew. */
const PROOF = 4;
/** Findings kept of one model version: servers with other settings or machines have theirs side by side. */
const MOST_KEPT = 8;
const MOST_BYTES = 16 * 1024 * 1024;

export interface CacheOptions {
  readonly folder: string;
  /** Seals the files; without a key the seal tells only that a file is whole. */
  readonly key?: Uint8Array;
}

export class CertificateCache {
  readonly #file: string;
  readonly #prefix: string;
  readonly #key: Uint8Array;

  /** `facts` is everything that the finding depends on: graph, manifest, settings, machine. */
  constructor({ folder, key }: CacheOptions, model: string, version: string, facts: unknown) {
    const digest = createHash('sha256')
      .update(JSON.stringify([PROOF, facts]))
      .digest('hex')
      .slice(0, 24);
    this.#prefix = `${model}@${version}-`;
    this.#file = path.join(folder, `${this.#prefix}${digest}.json`);
    this.#key = key ?? new Uint8Array(32);
  }

  /** What an earlier start found out, if it is there, whole and untouched. */
  async read(): Promise<Finding | undefined> {
    try {
      const [seal, text] = split(await this.#content());
      const expected = this.#sealOf(text);
      if (seal.length !== expected.length || !timingSafeEqual(Buffer.from(seal), Buffer.from(expected)))
        return undefined;
      return findingSchema.parse(JSON.parse(text));
    } catch {
      return undefined;
    }
  }

  /** Keeps a finding. Says whether that was possible: the folder may be read-only. A finding that is not complete is not kept. */
  async write(finding: Finding): Promise<boolean> {
    if (!finding.certificate.complete) return false;
    const folder = path.dirname(this.#file);
    const draft = `${this.#file}.${process.pid}`;
    const text = JSON.stringify(finding);
    try {
      await mkdir(folder, { recursive: true });
      if (!(await lstat(folder)).isDirectory()) return false;
      await rm(draft, { force: true });
      const handle = await open(draft, 'wx', 0o600); // never through a link
      try {
        await handle.writeFile(`${this.#sealOf(text)}\n${text}`);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(draft, this.#file);
      await this.#dropOldest(folder);
      return true;
    } catch {
      return false;
    }
  }

  async #content(): Promise<string> {
    const handle = await open(this.#file, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const stat = await handle.stat();
      if (!stat.isFile() || stat.size > MOST_BYTES) throw new Error('no file of ours');
      return await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  }

  #sealOf(text: string): string {
    return createHmac('sha256', this.#key).update(path.basename(this.#file)).update('\n').update(text).digest('hex');
  }

  async #dropOldest(folder: string): Promise<void> {
    const names = (await readdir(folder)).filter(name => name.startsWith(this.#prefix) && name.endsWith('.json'));
    const dated = await Promise.all(
      names.map(async name => ({ name, ms: (await lstat(path.join(folder, name))).mtimeMs })),
    );
    const old = dated.sort((a, b) => b.ms - a.ms).slice(MOST_KEPT);
    await Promise.all(old.map(({ name }) => rm(path.join(folder, name), { force: true })));
  }
}

function split(content: string): [seal: string, text: string] {
  const end = content.indexOf('\n');
  return [content.slice(0, end), content.slice(end + 1)];
}

/** What of the machine a finding depends on: last bits are the processor's, kernels the GPU's and the driver's. */
export function machineFacts(): unknown {
  const { gpus, driver } = devices();
  return [process.arch, process.version, cpus()[0]?.model, vectorExtensions(), gpus, driver];
}

/** The instruction sets that the kernel names, where it names them (Linux). */
function vectorExtensions(): readonly string[] {
  try {
    const flags = readFileSync('/proc/cpuinfo', 'utf8').match(/^(?:flags|Features)\s*:\s*(.*)$/m)?.[1] ?? '';
    return flags.split(' ').filter(flag => /^(sse|ssse|avx|fma|amx|f16c|asimd|sve|i8mm|bf16)/.test(flag));
  } catch {
    return [];
  }
}
