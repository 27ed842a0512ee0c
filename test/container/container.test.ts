// Builds the image's cpu target for real and runs it under the confinement that docker-compose.yml asks for. Memory and
// process limits and a network of its own are not exercised: that takes a container runtime.
import assert from 'node:assert/strict';
import { chownSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { temporaryFolder } from '../support/models/served-copies.ts';
import { until } from '../support/runner/until.ts';
import { Container, command, freePort } from '../support/server/container.ts';
import { ROOT } from '../support/server/service.ts';

const BASE = 'localhost/node:24-slim';
const IMAGE = `localhost/polyhead-test:${process.pid}`;
const example = readFileSync(`${ROOT}models/weather/1/example.json`, 'utf8');
const manifest = JSON.parse(readFileSync(`${ROOT}models/weather/1/manifest.json`, 'utf8'));
const own = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'));
const locked: Record<string, { dev?: boolean }> = JSON.parse(readFileSync(`${ROOT}package-lock.json`, 'utf8')).packages;

/** Why no image can be built here, if so. */
function obstacle(): string | false {
  if (process.getuid?.() !== 0) return 'building an image without a container runtime needs root';
  for (const tool of ['buildah', 'debootstrap', 'unshare', 'setpriv']) {
    try {
      command('sh', ['-c', 'command -v "$1"', 'sh', tool]);
    } catch {
      return `${tool} is not installed (apt-get install buildah debootstrap util-linux)`;
    }
  }
  return false;
}

const skip = obstacle();
if (skip) console.log(`the container is not tested: ${skip}`);

function ready(server: ReturnType<Container['start']>, port: string): Promise<boolean> {
  return until(
    'the container is ready',
    () => {
      assert.ok(server.running(), server.output());
      return fetch(`http://127.0.0.1:${port}/readyz`).then(
        reply => reply.text().then(() => reply.ok),
        () => false,
      );
    },
    240_000,
  );
}

describe('the container image', { skip, timeout: 900_000 }, () => {
  let container: Container;

  before(() => {
    const timed = (what: string, work: () => void) => {
      const start = performance.now();
      work();
      console.log(`${what}: ${((performance.now() - start) / 1000).toFixed(0)} s`);
    };
    timed('base image', () => command('bash', [`${ROOT}test/container/base-image.sh`], 240_000));
    const build = ['bud', '--isolation', 'chroot', '--format', 'docker', '--target', 'cpu', '--pull-never'];
    const values = [`BASE=${BASE}`, `VERSION=${own.version}`].flatMap(value => ['--build-arg', value]);
    timed('build', () => command('buildah', [...build, ...values, '--tag', IMAGE, ROOT], 240_000));
    container = new Container(IMAGE);
    console.log(`size: ${command('buildah', ['images', '--format', '{{.Size}}', IMAGE])}`);
  });

  after(() => {
    container?.remove();
    command('buildah', ['rmi', IMAGE]);
  });

  const inside = (path: string) => `${container.root}${path}`;

  it('is labelled, unprivileged and started without a shell', () => {
    const { User, Entrypoint, Labels, ExposedPorts, Env } = container.config;
    assert.equal(User, '1000:1000');
    assert.deepEqual(Entrypoint, ['node', '/app/dist/src/main.js']);
    assert.deepEqual(Object.keys(ExposedPorts), ['8080/tcp']);
    assert.equal(Labels['org.opencontainers.image.version'], own.version);
    assert.equal(Labels['org.opencontainers.image.licenses'], own.license);
    assert.equal(Labels['org.opencontainers.image.base.name'], BASE);
    for (const label of ['title', 'description', 'revision', 'created']) {
      assert.ok(Labels[`org.opencontainers.image.${label}`], label);
    }
    for (const variable of ['NODE_ENV=production', 'ORT_DISABLE_TELEMETRY=1', 'HOST=0.0.0.0', 'PORT=8080']) {
      assert.ok(Env.includes(variable), variable);
    }
    assert.ok(!Env.some(variable => variable.startsWith('POLYHEAD_AUTH')), 'who may call is left to the user');
  });

  it('holds the production packages and the models, and nothing to build, test or train with', () => {
    for (const name of Object.keys(own.dependencies)) assert.ok(existsSync(inside(`/app/node_modules/${name}`)), name);
    const development = Object.entries(locked).filter(([, { dev }]) => dev);
    assert.ok(development.length > Object.keys(own.devDependencies).length / 2);
    for (const [folder] of development) assert.ok(!existsSync(inside(`/app/${folder}`)), folder);
    assert.deepEqual(readdirSync(inside('/app')).sort(), ['dist', 'node_modules', 'package.json', 'sbom.cdx.json']);
    assert.deepEqual(readdirSync(inside('/app/dist')).sort(), ['client', 'page', 'src']);
    for (const tool of ['npm', 'npx', 'corepack', 'yarn']) {
      assert.ok(!existsSync(inside(`/usr/local/bin/${tool}`)), tool);
    }
    assert.ok(!existsSync(inside('/usr/local/lib/node_modules/npm')), 'npm');
    const models = readdirSync(`${ROOT}models`, { withFileTypes: true }).filter(entry => entry.isDirectory());
    for (const { name } of models) {
      const versions = readdirSync(`${ROOT}models/${name}`).filter(entry => entry !== 'recipe');
      assert.deepEqual(readdirSync(inside(`/models/${name}`)), versions);
    }
  });

  it('is small: what is ours, beside the base, has at most 80 MB', () => {
    const bytes = (folder: string): number =>
      readdirSync(inside(folder), { recursive: true, withFileTypes: true })
        .filter(entry => entry.isFile())
        .reduce((sum, entry) => sum + statSync(`${entry.parentPath}/${entry.name}`).size, 0);
    const ours = bytes('/app') + bytes('/models');
    console.log(`own share: ${(ours / 1e6).toFixed(1)} MB`);
    assert.ok(ours <= 80e6, `${ours} bytes`);
    const names = readdirSync(inside('/app'), { recursive: true, encoding: 'utf8' });
    assert.deepEqual(
      names.filter(name => /\.(map|ts)$/.test(name)),
      [],
      'maps and sources',
    );
  });

  it('tells what it is made of: every package that it holds, with its version', () => {
    const { bomFormat, components } = JSON.parse(readFileSync(inside('/app/sbom.cdx.json'), 'utf8'));
    assert.equal(bomFormat, 'CycloneDX');
    const told = new Set(
      components.map(
        ({ group, name, version }: Record<string, string>) => `${group ? `${group}/` : ''}${name}@${version}`,
      ),
    );
    const held = readdirSync(inside('/app/node_modules'), { recursive: true, encoding: 'utf8' })
      .filter(file => /(^|node_modules\/)(@[^/]+\/)?[^/@]+\/package\.json$/.test(file))
      .map(file => JSON.parse(readFileSync(inside(`/app/node_modules/${file}`), 'utf8')));
    assert.ok(held.length > 100);
    for (const { name, version } of held) assert.ok(told.has(`${name}@${version}`), `${name}@${version}`);
  });

  it("holds this platform's runtime library alone", () => {
    const libraries = readdirSync(inside('/app/node_modules/onnxruntime-node/bin'), {
      recursive: true,
      encoding: 'utf8',
    })
      .filter(file => /\.(so(\.\d+)*|node|dll|dylib)$/.test(file))
      .map(file => file.split('/').slice(1, 3).join('/'));
    assert.ok(libraries.length >= 2);
    assert.deepEqual([...new Set(libraries)], [`${process.platform}/${process.arch}`]);
  });

  it('keeps certificates where a folder is mounted for them, and believes them at the next start', async () => {
    const folder = temporaryFolder();
    chownSync(folder, 1000, 1000);
    assert.deepEqual(Object.keys(container.config.Volumes), ['/certificates']);
    const kept = () =>
      readdirSync(folder)
        .sort()
        .map(name => [name, statSync(`${folder}/${name}`).mtimeMs, statSync(`${folder}/${name}`).uid]);
    const times: ReturnType<typeof kept>[] = [];
    for (let start = 0; start < 2; start++) {
      const port = String(await freePort());
      // Behind others too: without privileges a process may not come forward again.
      const argv = ['nice', '-n', '10', ...container.config.Entrypoint];
      const server = container.start({ PORT: port, POLYHEAD_AUTH: 'off' }, argv, folder);
      try {
        await ready(server, port);
        times.push(kept());
        process.kill(server.pid(), 'SIGTERM');
        assert.equal((await server.ended).code, 0);
      } finally {
        server.kill();
        await server.ended;
      }
    }
    assert.ok(times[0].length > 5, 'one for each model and more');
    assert.ok(times[0].every(([, , uid]) => uid === 1000));
    assert.deepEqual(times[1], times[0], 'the second start found nothing out anew');
  });

  it('starts nothing until it is said who may call', async () => {
    const { code, stdout, stderr } = await container.run({ PORT: String(await freePort()) });
    assert.equal(code, 1, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /^polyhead: .*\n {2}HOST=0\.0\.0\.0 is open to others: set POLYHEAD_API_KEYS, or .*\n$/);
  });

  it('serves from a read-only root without privileges, reports its health, and ends with 0 at SIGTERM', async () => {
    const port = String(await freePort());
    const origin = `http://127.0.0.1:${port}`;
    const env = { PORT: port, POLYHEAD_AUTH: 'off' };
    const check = container.config.Healthcheck.Test;
    assert.equal(check[0], 'CMD');
    assert.equal((await container.run(env, check.slice(1))).code, 1, 'nothing listens yet');

    const server = container.start(env);
    try {
      await ready(server, port);
      const healthy = await container.run(env, check.slice(1));
      assert.deepEqual(healthy, { code: 0, stdout: '', stderr: '' });

      const reply = await fetch(`${origin}/v1/models/weather/predict`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: example,
      });
      const body = await reply.text();
      assert.equal(reply.status, 200, body);
      const { predictions } = JSON.parse(body);
      assert.equal(predictions.length, JSON.parse(example).sequences.length);
      const heads = manifest.heads.map((head: { name: string }) => head.name);
      for (const prediction of predictions) assert.deepEqual(Object.keys(prediction.heads), heads);

      const status = readFileSync(`/proc/${server.pid()}/status`, 'utf8');
      assert.match(status, /^Name:\tnode$|^Name:\tMainThread$/m);
      assert.match(status, /^Uid:\t1000\t1000\t1000\t1000$/m);
      assert.match(status, /^Gid:\t1000\t1000\t1000\t1000$/m);
      assert.match(status, /^NSpid:\t\d+\t1$/m, 'it is process 1, to which signals without a handler mean nothing');
      for (const set of ['CapPrm', 'CapEff', 'CapBnd']) assert.match(status, new RegExp(`^${set}:\\t0+$`, 'm'));
      assert.match(status, /^NoNewPrivs:\t1$/m);
      const mounts = readFileSync(`/proc/${server.pid()}/mounts`, 'utf8');
      assert.match(mounts, /^\S+ \/ \S+ ro[, ]/m, 'the root is read-only');

      process.kill(server.pid(), 'SIGTERM');
      const { code, stderr } = await server.ended;
      assert.equal(code, 0, stderr);
      assert.equal(stderr, '');
    } finally {
      server.kill();
      await server.ended;
    }
  });
});
