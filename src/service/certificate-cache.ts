// Certificates kept beside the models, so that a restart need not find out again: <repository>/.certificates/.
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { type Manifest, manifestSchema } from '../model/manifest.ts';
import { type Certificate, certificateSchema } from '../proof/certificate.ts';

/** What was found out about a version: the certificate, and the manifest if that had to be inferred too. */
export interface Finding {
  readonly manifest: Manifest;
  readonly certificate: Certificate;
}

const findingSchema = z.strictObject({ manifest: manifestSchema, certificate: certificateSchema });

export class CertificateCache {
  readonly #file: string;
  readonly #prefix: string;

  /** `facts` is everything that the finding depends on; another server version or processor finds out anew. */
  constructor(repository: string, model: string, version: string, facts: unknown) {
    const machine = [process.arch, cpus()[0]?.model, process.version];
    const key = createHash('sha256')
      .update(JSON.stringify([facts, machine]))
      .digest('hex')
      .slice(0, 24);
    this.#prefix = `${model}@${version}-`;
    this.#file = path.join(repository, '.certificates', `${this.#prefix}${key}.json`);
  }

  /** What an earlier start found out, if it is there and whole. */
  async read(): Promise<Finding | undefined> {
    try {
      return findingSchema.parse(JSON.parse(await readFile(this.#file, 'utf8')));
    } catch {
      return undefined;
    }
  }

  /** Keeps a finding in place of older ones of this version. Says whether that was possible: a repository may be read-only. */
  async write(finding: Finding): Promise<boolean> {
    const folder = path.dirname(this.#file);
    const draft = `${this.#file}.${process.pid}`;
    try {
      await mkdir(folder, { recursive: true });
      await writeFile(draft, JSON.stringify(finding));
      await rename(draft, this.#file);
      const old = (await readdir(folder)).filter(name => name.startsWith(this.#prefix) && !this.#file.endsWith(name));
      await Promise.all(old.map(name => rm(path.join(folder, name), { force: true })));
      return true;
    } catch {
      return false;
    }
  }
}
