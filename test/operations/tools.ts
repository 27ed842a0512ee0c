// What the operations tests find or install for themselves: Debian's Prometheus, a kustomize, a Python with packages.
import { execFile, execFileSync } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Either what was made, or why it could not be. */
export type Made<T> = { readonly made: T } | { readonly reason: string };

/** The first command line whose program is on the path. */
export function firstCommand(...commands: readonly string[][]): string[] | undefined {
  return commands.find(([program]) => {
    try {
      execFileSync('sh', ['-c', 'command -v "$1"', 'sh', program], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
}

/** A Python of its own in `folder` that has the packages of a requirements file. */
export async function pythonWith(folder: string, requirements: string): Promise<Made<string>> {
  try {
    const python = path.join(folder, 'venv/bin/python');
    await run('python3', ['-m', 'venv', path.join(folder, 'venv')], { timeout: 60_000 });
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements];
    await run(python, pip, { timeout: 300_000 });
    return { made: python };
  } catch (error) {
    return { reason: `Python packages cannot be installed: ${(error as Error).message.split('\n')[0]}` };
  }
}
