// What the client tests install for themselves, in a temporary folder: a Python environment with the clients, and
// perf_analyzer, which on older systems runs by the loader and libraries of a Debian 13 that is unpacked for it.
import { execFile } from 'node:child_process';
import { chmodSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../server/service.ts';

const run = promisify(execFile);
const HERE = `${ROOT}test/clients`;
const GLIBC = [2, 38];

/** Either what was made, or why it could not be. */
export type Made<T> = { readonly made: T } | { readonly reason: string };

async function attempt<T>(what: string, make: () => Promise<T>): Promise<Made<T>> {
  try {
    return { made: await make() };
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    const last = `${stderr}`.trim().split('\n').at(-1) || message.split('\n')[0];
    return { reason: `${what}: ${last}` };
  }
}

/** A Python that has the clients, and MLServer's types without MLServer. */
export function clientPython(folder: string): Promise<Made<string>> {
  return attempt('the Python clients cannot be installed', () =>
    pythonWith(
      path.join(folder, 'venv'),
      ['-r', `${HERE}/requirements.txt`],
      ['--no-deps', '-r', `${HERE}/requirements-mlserver.txt`],
    ),
  );
}

/** A Python that has what reads API documents. */
export function documentPython(folder: string): Promise<Made<string>> {
  return attempt('readers of API documents cannot be installed', () =>
    pythonWith(path.join(folder, 'readers'), ['-r', `${HERE}/requirements-document.txt`]),
  );
}

/** The folder of npm's programs that read API documents. */
export function documentTools(folder: string): Promise<Made<string>> {
  return attempt('redocly and openapi-typescript cannot be installed', async () => {
    const packages = ['@redocly/cli@2.77.0', 'openapi-typescript@7.13.0', 'typescript@5.9.3'];
    const into = path.join(folder, 'readers-npm');
    await run('npm', ['install', '--prefix', into, '--no-audit', '--no-fund', ...packages], { timeout: 300_000 });
    return path.join(into, 'node_modules/.bin');
  });
}

/** A new environment; each of `installs` is what follows `pip install`. */
async function pythonWith(folder: string, ...installs: string[][]): Promise<string> {
  const python = path.join(folder, 'bin/python');
  await run('python3', ['-m', 'venv', folder], { timeout: 60_000 });
  for (const options of installs) {
    await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...options], {
      timeout: 300_000,
    });
  }
  return python;
}

/** The command line that perf_analyzer's own arguments follow. */
export function perfAnalyzer(folder: string, python: string): Promise<Made<string[]>> {
  return attempt('perf_analyzer cannot be run', async () => {
    if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('it is built for Linux on x64');
    const wheel = ['--no-deps', '--only-binary=:all:', '--platform', `manylinux_${GLIBC.join('_')}_x86_64`];
    const from = ['-r', `${HERE}/requirements-perf.txt`, '--dest', folder];
    await run(python, ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', ...wheel, ...from], {
      timeout: 120_000,
    });
    const { stdout } = await run('sh', ['-c', 'ls perf_analyzer-*.whl'], { cwd: folder });
    await run(python, ['-m', 'zipfile', '-e', stdout.trim(), 'perf'], { cwd: folder });
    const binary = path.join(folder, 'perf/perf_analyzer/bin/perf_analyzer');
    chmodSync(binary, 0o755);
    const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
    const [major, minor] = (header.glibcVersionRuntime ?? '0.0').split('.').map(Number);
    if (major > GLIBC[0] || (major === GLIBC[0] && minor >= GLIBC[1])) return [binary];
    if (process.getuid?.() !== 0) throw new Error(`it needs glibc ${GLIBC.join('.')}, or root to unpack one`);
    const root = path.join(folder, 'debian-13');
    await run('debootstrap', ['--foreign', '--variant=minbase', 'trixie', root], { timeout: 240_000 });
    const libraries = `${root}/usr/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu`;
    const command = [`${root}/usr/lib64/ld-linux-x86-64.so.2`, '--library-path', libraries, binary];
    await run(command[0], [...command.slice(1), '--version']);
    return command;
  });
}
