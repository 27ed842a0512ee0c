// What deploy/ tells a cluster, against the schemas of those who read it: Kubernetes' own by kubernetes-validate, KServe's
// and KEDA's by what their documentation says. Kustomize renders each component over the base first.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { Ajv } from 'ajv';
import { parseAllDocuments, stringify } from 'yaml';
import { SETTINGS } from '../../src/settings.ts';
import { ROOT } from '../support/server/service.ts';
import { firstCommand, pythonWith } from './tools.ts';

interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: Record<string, unknown>;
}

const folder = mkdtempSync(path.join(tmpdir(), 'polyhead-manifests-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const KUBERNETES = `${ROOT}deploy/kubernetes`;
const components = readdirSync(`${KUBERNETES}/components`);
const kustomize = firstCommand(['kustomize', 'build'], ['kubectl', 'kustomize']);
const python = await pythonWith(folder, `${ROOT}test/operations/requirements.txt`);
const ajv = new Ajv({ allErrors: true });
const validators = new Map(
  readdirSync(`${ROOT}test/operations/schemas`)
    .filter(file => file.endsWith('.json'))
    .map(file => {
      const schema = JSON.parse(readFileSync(`${ROOT}test/operations/schemas/${file}`, 'utf8'));
      return [path.basename(file, '.json'), ajv.compile(schema)] as const;
    }),
);

function resourcesOf(text: string): Resource[] {
  return parseAllDocuments(text).map(document => {
    assert.deepEqual(document.errors, []);
    return document.toJS();
  });
}

/** Ours by our schemas, all others by Kubernetes' own. */
function validate(resources: readonly Resource[]): void {
  const others: Resource[] = [];
  for (const resource of resources) {
    const check = validators.get(resource.kind);
    if (!check) others.push(resource);
    else assert.ok(check(resource), `${resource.kind} ${resource.metadata.name}: ${ajv.errorsText(check.errors)}`);
  }
  if (others.length === 0) return;
  assert.ok('made' in python, 'kubernetes-validate is not there');
  const file = path.join(folder, 'resources.yaml');
  writeFileSync(file, others.map(resource => JSON.stringify(resource)).join('\n---\n'));
  const output = execFileSync(python.made, ['-m', 'kubernetes_validate', '--strict', file], { encoding: 'utf8' });
  const passed = output.match(/passed/g)?.length ?? 0;
  assert.equal(passed, others.length, output);
}

/** The base with some components, rendered. */
function render(names: readonly string[]): Resource[] {
  assert.ok(kustomize);
  const base = mkdtempSync(path.join(folder, 'overlay-'));
  const relative = (to: string) => path.relative(base, `${KUBERNETES}/${to}`);
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [relative('base')],
    components: names.map(name => relative(`components/${name}`)),
  };
  writeFileSync(path.join(base, 'kustomization.yaml'), stringify(kustomization));
  return renderFolder(base);
}

function renderFolder(at: string): Resource[] {
  assert.ok(kustomize);
  const [program, ...args] = kustomize;
  return resourcesOf(execFileSync(program, [...args, at], { encoding: 'utf8' }));
}

const known = new Set(Object.values(SETTINGS).flatMap(({ env }) => [env, `${env}_FILE`]));

describe('Kubernetes', {
  skip: !kustomize ? 'neither kustomize nor kubectl is installed' : 'reason' in python && python.reason,
}, () => {
  const cases: [string, () => Resource[]][] = [
    ['the base', () => render([])],
    ...components.map((name): [string, () => Resource[]] => [`the component ${name}`, () => render([name])]),
    ['the example', () => renderFolder(`${KUBERNETES}/example`)],
  ];
  for (const [name, rendered] of cases) {
    it(`${name} is valid, and names only settings that there are`, () => {
      const resources = rendered();
      validate(resources);
      const text = JSON.stringify(resources);
      for (const [setting] of text.matchAll(/POLYHEAD_[A-Z_]+/g)) assert.ok(known.has(setting), setting);
      const kinds = resources.map(({ kind }) => kind);
      for (const kind of ['Deployment', 'Service', 'PodDisruptionBudget', 'NetworkPolicy'])
        assert.ok(kinds.includes(kind), kind);
    });
  }

  it('ends a pod later than the longest drain', () => {
    const deployment = render([]).find(({ kind }) => kind === 'Deployment');
    const { terminationGracePeriodSeconds } = (
      deployment as unknown as { spec: { template: { spec: { terminationGracePeriodSeconds: number } } } }
    ).spec.template.spec;
    assert.ok(1000 * terminationGracePeriodSeconds > Number(SETTINGS.shutdownTimeoutMs.fallback) + 5000);
  });

  it('refuses a field that nobody reads', () => {
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' }, spec: { portz: [] } };
    assert.throws(() => validate([service]));
  });
});

describe('KServe and KEDA', () => {
  for (const file of readdirSync(`${ROOT}deploy/kserve`)) {
    it(`${file} is valid, and names only settings that there are`, () => {
      const text = readFileSync(`${ROOT}deploy/kserve/${file}`, 'utf8');
      const resources = resourcesOf(text);
      assert.ok(resources.every(({ kind }) => validators.has(kind)));
      validate(resources);
      for (const [setting] of text.matchAll(/POLYHEAD_[A-Z_]+/g)) assert.ok(known.has(setting), setting);
      const flags = new Set(
        Object.values(SETTINGS).map(({ env }) =>
          env
            .replace(/^POLYHEAD_/, '')
            .toLowerCase()
            .replaceAll('_', '-'),
        ),
      );
      for (const [, flag] of text.matchAll(/- --([a-z-]+)=/g)) assert.ok(flags.has(flag), flag);
    });
  }

  it('refuses a field that nobody reads', () => {
    const [resource] = resourcesOf(readFileSync(`${ROOT}deploy/kserve/inference-service.yaml`, 'utf8'));
    assert.throws(() => validate([{ ...resource, spec: { ...resource.spec, predictr: {} } }]), /additional properties/);
  });
});
