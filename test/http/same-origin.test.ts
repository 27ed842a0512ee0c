// Who may change models: programs, and pages of this very server; no page of another origin, and no rebound name.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FastifyRequest } from 'fastify';
import { ServiceError } from '../../src/core/errors.ts';
import { sameOrigin } from '../../src/http/same-origin.ts';

function refusal(keys: boolean, headers: Record<string, string>): string | undefined {
  let given: unknown;
  const hook = sameOrigin(keys) as (request: FastifyRequest, reply: unknown, done: (error?: unknown) => void) => void;
  hook({ headers } as unknown as FastifyRequest, undefined, error => {
    given = error;
  });
  if (given === undefined) return undefined;
  assert.ok(given instanceof ServiceError && given.code === 'FORBIDDEN');
  return given.message;
}

const host = '127.0.0.1:8080';
const json = { 'content-type': 'application/json' };

test('programs, and pages of this server', () => {
  const cases: Record<string, string>[] = [
    { host },
    { host, ...json },
    { host: 'localhost:8080', 'content-type': 'application/json; charset=utf-8' },
    { host: '[::1]:8080' },
    { host, origin: `http://${host}`, 'sec-fetch-site': 'same-origin', ...json },
    { host, 'sec-fetch-site': 'none' },
    { host, 'content-type': 'text/plain; charset=utf-8', 'user-agent': 'Python/3.11 aiohttp/3.9' },
  ];
  for (const headers of cases) {
    assert.equal(refusal(false, headers), undefined, JSON.stringify(headers));
  }
  assert.equal(refusal(true, { host: 'models.example.test', ...json }), undefined);
});

test('no page of another origin, whatever it may send, with keys or without', () => {
  const cases: Record<string, string>[] = [
    { host, origin: 'http://evil.test' },
    { host, origin: 'http://127.0.0.1:9000' },
    { host, origin: 'null' },
    { host, 'sec-fetch-site': 'cross-site' },
    { host, 'sec-fetch-site': 'same-site' },
    { host, 'content-type': 'text/plain' },
    { host, 'content-type': 'application/x-www-form-urlencoded' },
    { host, 'content-type': 'text/plain', 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64)' },
    { host, origin: 'http://evil.test', 'user-agent': 'curl/8' },
    { host, 'content-type': 'multipart/form-data; boundary=application/json' },
  ];
  for (const headers of cases) {
    for (const keys of [false, true]) assert.ok(refusal(keys, headers), JSON.stringify(headers));
  }
});

test('no rebound name without keys', () => {
  for (const name of ['evil.test', 'evil.test:8080', 'localhost.evil.test', '127.0.0.1.evil.test', '']) {
    const headers = { host: name, origin: `http://${name}`, 'sec-fetch-site': 'same-origin', ...json };
    assert.ok(refusal(false, headers), name);
  }
});
