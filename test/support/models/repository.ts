// Model repositories in a temporary folder, copied from fixtures and then damaged by a test.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ROOT } from '../server/service.ts';

export class TemporaryRepository {
  readonly root = mkdtempSync(path.join(tmpdir(), 'polyhead-test-'));

  at(...parts: string[]): string {
    return path.join(this.root, ...parts);
  }

  /** Copies a version folder, named from the repository's root; `as` is its `<model>/<version>` here. */
  copy(fixture: string, as: string): string {
    cpSync(path.join(ROOT, fixture), this.at(as), { recursive: true });
    return this.at(as);
  }

  /** Changes a JSON file of the repository. */
  edit<T>(file: string, change: (value: T) => void): void {
    const value = JSON.parse(readFileSync(this.at(file), 'utf8'));
    change(value);
    writeFileSync(this.at(file), JSON.stringify(value));
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
