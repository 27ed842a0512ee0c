// docker-compose.yml is read as Compose reads it and held to the hardening it promises. Nothing is started from it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { configOf, ROOT } from '../support/server/service.ts';

interface ComposeService {
  readonly [key: string]: unknown;
  readonly build: { readonly context: string; readonly target: string };
  readonly environment: Record<string, string>;
  readonly ports: readonly string[];
  readonly volumes: readonly string[];
  readonly tmpfs: readonly string[];
  readonly stop_grace_period: string;
}

const text = readFileSync(`${ROOT}docker-compose.yml`, 'utf8');
const { services } = parse(text, { merge: true }) as { services: Record<string, ComposeService> };

describe('docker-compose.yml', () => {
  it('has a service per target, and the GPU only where it is asked for', () => {
    assert.deepEqual(Object.keys(services), ['polyhead', 'polyhead-gpu']);
    assert.equal(services.polyhead.build.target, 'cpu');
    assert.equal(services.polyhead.profiles, undefined);
    const gpu = services['polyhead-gpu'];
    assert.equal(gpu.build.target, 'cuda');
    assert.deepEqual(gpu.profiles, ['gpu']);
    const devices = [{ driver: 'nvidia', count: 1, capabilities: ['gpu'] }];
    assert.deepEqual(gpu.deploy, { resources: { reservations: { devices } } });
    assert.equal(gpu.environment.POLYHEAD_EXECUTION_PROVIDER, 'cuda');
  });

  for (const [name, service] of Object.entries(services)) {
    it(`${name} can change nothing and gain nothing`, () => {
      assert.equal(service.read_only, true);
      assert.equal(service.user, '1000:1000');
      assert.deepEqual(service.cap_drop, ['ALL']);
      assert.deepEqual(service.security_opt, ['no-new-privileges:true']);
      assert.equal(service.privileged, undefined);
      assert.ok(Number(service.pids_limit) > 0);
      assert.match(String(service.mem_limit), /^\d+g$/);
      assert.deepEqual(
        service.tmpfs.map(mount => mount.split(':')[0]),
        ['/tmp'],
      );
      assert.deepEqual(service.volumes, ['./models:/models:ro', 'certificates:/certificates']);
      assert.equal(service.healthcheck, undefined, 'the image has one');
    });

    it(`${name} opens loopback only, with a configuration that the server takes`, () => {
      for (const port of service.ports) assert.match(port, /^127\.0\.0\.1:\d+:8080$/);
      const config = configOf({ HOST: '0.0.0.0', ...service.environment });
      assert.equal(config.auth, 'off');
      assert.ok(Number.parseInt(service.stop_grace_period, 10) * 1000 > config.shutdownTimeoutMs);
      assert.match(service.stop_grace_period, /^\d+s$/);
    });
  }
});
