// A container image as a runtime would start it, without a runtime: buildah's mount of the image, and util-linux to
// confine what runs in it as docker-compose.yml does (read-only root, /tmp alone writable, no capabilities, no new
// privileges, process 1 of its own namespace). The network is the host's.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

export interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly WorkingDir: string;
  readonly Entrypoint: readonly string[];
  readonly Volumes: Readonly<Record<string, unknown>>;
  readonly Labels: Readonly<Record<string, string>>;
  readonly ExposedPorts: Readonly<Record<string, unknown>>;
  readonly Healthcheck: { readonly Test: readonly string[] };
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. @throws {Error} with its output, if it fails or takes longer. */
export function command(name: string, args: readonly string[], timeoutMs = 60_000): string {
  return execFileSync(name, args, { encoding: 'utf8', timeout: timeoutMs, stdio: 'pipe', maxBuffer: 64 << 20 }).trim();
}

// CERTIFICATES, if set: what is mounted at /certificates. Arguments: the root, the user, the working directory, the command.
// Its last process is the command itself.
const CONFINE = `
root=$1; user=$2; dir=$3; shift 3
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
mount -t tmpfs -o mode=1777,noexec,nosuid tmpfs "$root/tmp"
[ -z "\${CERTIFICATES:-}" ] || mount --bind "$CERTIFICATES" "$root/certificates"
mount -o remount,bind,ro "$root"
exec chroot "$root" setpriv --reuid "\${user%:*}" --regid "\${user#*:}" --clear-groups \\
  --bounding-set=-all --inh-caps=-all --no-new-privs sh -c 'cd "$0" && exec "$@"' "$dir" "$@"
`;

export class Container {
  readonly id: string;
  readonly root: string;
  readonly config: ImageConfig;

  constructor(image: string) {
    this.config = JSON.parse(command('buildah', ['inspect', '--type', 'image', image])).Docker.config;
    this.id = command('buildah', ['from', '--pull-never', image]);
    this.root = command('buildah', ['mount', this.id]);
  }

  /** Starts the image's entry point with `args`, or another command, with more environment than the image's. */
  start(env: Record<string, string> = {}, argv: readonly string[] = this.config.Entrypoint, certificates = '') {
    const { User, WorkingDir, Env } = this.config;
    const variables = Object.fromEntries(
      Env.map(line => [line.slice(0, line.indexOf('=')), line.replace(/^.*?=/, '')]),
    );
    const child = spawn(
      'unshare',
      ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-euc', CONFINE, 'sh', this.root, User, WorkingDir, ...argv],
      { env: { ...variables, ...env, CERTIFICATES: certificates }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', text => {
      output.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', text => {
      output.stderr += text;
    });
    const ended: Promise<Ended> = once(child, 'close').then(([code]) => ({ code, ...output }));
    return {
      ended,
      running: () => child.exitCode === null && child.signalCode === null,
      output: () => output.stdout + output.stderr,
      /** The command's process as the host sees it. */
      pid: () => Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim()),
      kill: () => child.kill('SIGKILL'),
    };
  }

  /** Runs a command in it to its end. */
  async run(env: Record<string, string>, argv?: readonly string[]): Promise<Ended> {
    const started = this.start(env, argv);
    const limit = setTimeout(started.kill, 60_000);
    return started.ended.finally(() => clearTimeout(limit));
  }

  remove(): void {
    command('buildah', ['rm', this.id]);
  }
}

/** A port of this machine that nothing listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
