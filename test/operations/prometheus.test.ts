// A real Prometheus watches a loaded server by our own rules and answers our own dashboard's queries. promtool makes every alert
// fire on made-up series; here those fire that a server can be driven to in seconds, by rules without their patience.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { send } from '../support/client/exchange.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { until } from '../support/runner/until.ts';
import { freePort } from '../support/server/container.ts';
import { type ServerProcess, startProcess } from '../support/server/process.ts';
import { ROOT } from '../support/server/service.ts';
import { firstCommand } from './tools.ts';

const DEPLOY = `${ROOT}deploy`;
const rules = readFileSync(`${DEPLOY}/prometheus/rules.yml`, 'utf8');
const alerts: string[] = parse(rules).groups.flatMap((group: { rules: { alert: string }[] }) =>
  group.rules.map(r => r.alert),
);
const skip = firstCommand(['prometheus'], ['promtool'])
  ? false
  : 'prometheus is not installed (apt-get install prometheus)';
const WAIT_MS = 60_000;

describe('promtool', { skip }, () => {
  const promtool = (...args: string[]) => execFileSync('promtool', args, { encoding: 'utf8', stdio: 'pipe' });

  it('takes the rules and the configuration', () => {
    promtool('check', 'rules', `${DEPLOY}/prometheus/rules.yml`);
    promtool('check', 'config', `${DEPLOY}/prometheus/prometheus.yml`);
  });

  it('makes every alert fire, and none on a server that is well', () => {
    promtool('test', 'rules', `${DEPLOY}/prometheus/rules.test.yml`);
    const { tests } = parse(readFileSync(`${DEPLOY}/prometheus/rules.test.yml`, 'utf8'));
    for (const { alert_rule_test: cases } of tests) {
      assert.deepEqual(cases.map(({ alertname }: { alertname: string }) => alertname).sort(), [...alerts].sort());
    }
    assert.ok(tests[0].alert_rule_test.every((c: { exp_alerts: unknown[] }) => c.exp_alerts.length > 0));
  });
});

describe('a Prometheus beside a loaded server', { skip }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'polyhead-prometheus-'));
  let server: ServerProcess;
  let origin: string;
  let end = () => {};

  before(async () => {
    server = await startProcess({
      env: {
        POLYHEAD_MODEL_REPOSITORY: repositoryOf('test/fixtures/models/lstm', 'test/fixtures/broken/wrong-digest'),
        POLYHEAD_STRICT_REPOSITORY: 'false',
        POLYHEAD_QUEUE_CAPACITY: '512',
        POLYHEAD_DRAIN_DELAY_MS: '20000',
      },
    });
    const hasty = rules.replaceAll(/\n +for: \w+/g, '').replaceAll(/\[\d+m\]/g, '[10s]');
    writeFileSync(path.join(folder, 'rules.yml'), hasty);
    writeFileSync(
      path.join(folder, 'prometheus.yml'),
      `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [rules.yml]
scrape_configs: [{ job_name: polyhead, static_configs: [{ targets: ["${new URL(server.origin).host}"] }] }]
`,
    );
    const port = await freePort();
    origin = `http://127.0.0.1:${port}`;
    const config = [`--config.file=${folder}/prometheus.yml`, `--storage.tsdb.path=${folder}/data`];
    const child = spawn('prometheus', [...config, `--web.listen-address=127.0.0.1:${port}`], { stdio: 'ignore' });
    end = () => child.kill('SIGKILL');
    process.once('exit', end);
    const ready = () =>
      fetch(`${origin}/-/ready`).then(
        reply => reply.ok,
        () => false,
      );
    await until('Prometheus is ready', ready, WAIT_MS);
  });

  after(async () => {
    end();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function api(route: string): Promise<{ result?: { value: [number, string] }[]; alerts?: unknown[] }> {
    const reply = (await (await fetch(`${origin}/api/v1/${route}`)).json()) as {
      status: string;
      error?: string;
      data: object;
    };
    assert.equal(reply.status, 'success', reply.error);
    return reply.data;
  }

  const firing = async (): Promise<string[]> => {
    const { alerts: active = [] } = await api('alerts');
    const found = active as { labels: { alertname: string }; state: string }[];
    return found.filter(alert => alert.state === 'firing').map(alert => alert.labels.alertname);
  };
  const fires = (name: string) => until(`${name} fires`, async () => (await firing()).includes(name), WAIT_MS);

  const model = '/v1/models/lstm/predict';
  const ask = (steps: number, headers = {}) =>
    send(server.origin, model, {
      headers,
      body: { sequences: Array.from({ length: 4 }, () => steppedSequence(steps)) },
    });

  it('gets data for every query of the dashboard, and no alert but the refused model', async () => {
    const { panels } = JSON.parse(readFileSync(`${DEPLOY}/grafana/polyhead.json`, 'utf8'));
    const queries: string[] = panels.flatMap(
      (panel: { targets?: { expr: string }[] }) => panel.targets?.map(t => t.expr) ?? [],
    );
    assert.ok(queries.length > 15);
    const load = setInterval(() => ask(5).catch(() => {}), 50);
    try {
      await send(server.origin, '/v1/models/none/predict', { body: {} }); // a refusal, so that there is one
      for (const query of queries) {
        const plain = query.replaceAll(/\$(instance|model|version)/g, '.*').replaceAll('$__rate_interval', '10s');
        const value = await until(
          plain,
          async () => {
            const { result = [] } = await api(`query?query=${encodeURIComponent(plain)}`);
            return result.length > 0 && result.every(({ value }) => value[1] !== 'NaN') && result[0].value[1];
          },
          WAIT_MS,
        );
        assert.ok(Number.isFinite(Number(value)), `${plain}: ${value}`);
      }
      // A slow machine may be late for a while, and then no longer.
      await until(
        'the refused model is the only alert',
        async () => [...new Set(await firing())].join() === 'PolyheadModelRefused',
        WAIT_MS,
      );
    } finally {
      clearInterval(load);
    }
  });

  it('tells of overload, and then of deadlines', async () => {
    const many = { sequences: Array.from({ length: 256 }, () => steppedSequence(60)) };
    const meanwhile = async (everyMs: number, act: () => unknown, alert: string) => {
      const timer = setInterval(act, everyMs);
      await fires(alert).finally(() => clearInterval(timer));
    };
    const post = (headers = {}) => send(server.origin, model, { headers, body: many }).catch(() => {});
    await meanwhile(250, () => Array.from({ length: 40 }, () => post()), 'PolyheadOverloaded');
    await meanwhile(50, () => post({ 'x-request-timeout-ms': '1' }), 'PolyheadDeadlines');
  });

  it('tells that a server drains, and then that it is gone', async () => {
    server.kill('SIGTERM');
    await fires('PolyheadNotReady');
    await server.stop();
    await fires('PolyheadDown');
  });
});

function steppedSequence(steps: number): number[][] {
  return Array.from({ length: steps }, (_, i) => [i / 10, 1, 0]);
}
