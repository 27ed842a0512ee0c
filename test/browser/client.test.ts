// The client in a real browser: the package's own files as modules on a page of the server's origin, against that server.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { type Browser, chromium, type Page } from 'playwright-core';
import { EXAMPLE } from '../client/server.ts';
import { repositoryOf } from '../support/models/served-copies.ts';
import { type ServerProcess, startProcess } from '../support/server/process.ts';
import { ROOT } from '../support/server/service.ts';

const CHROMIUM = '/usr/bin/chromium';
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'];
const skip = existsSync(CHROMIUM) ? false : `${CHROMIUM} is not installed (apt-get install chromium)`;
if (skip) console.log(`The client is not tested in a browser: ${skip}`);

describe('the client in Chromium', { skip, timeout: 120_000 }, () => {
  let server: ServerProcess;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  before(async () => {
    await promisify(execFile)(process.execPath, [`${ROOT}node_modules/typescript/bin/tsc`, '-p', `${ROOT}client`]);
    server = await startProcess({ env: { POLYHEAD_MODEL_REPOSITORY: repositoryOf('models/weather') } });
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
    page = await browser.newPage();
    page.on('pageerror', error => complaints.push(error.message));
    await page.route('**/client/**', route => {
      const file = new URL(route.request().url()).pathname.slice('/client/'.length);
      if (file === 'page.html')
        return route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>client</title>' });
      return route.fulfill({
        contentType: 'text/javascript',
        body: readFileSync(`${ROOT}client/dist/${file}`, 'utf8'),
      });
    });
    await page.goto(`${server.origin}/client/page.html`);
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  /** Runs a function body on the page; it has `connect`, `Problem`, `days` and `origin`. */
  const onPage = (body: string) =>
    page.evaluate(`import('/client/client.js').then(async ({ connect, Problem }) => {
      const origin = ${JSON.stringify(server.origin)}, days = ${JSON.stringify(EXAMPLE[0])};
      ${body}
    })`);

  it('predicts by JSON and by bytes', async () => {
    const [json, binary] = (await onPage(`
      const call = async transport =>
        (await (await connect(origin, { transport }).model('weather')).predict([days], { heads: ['rain', 'temp_max'] })).predictions[0];
      return [await call('json'), await call('binary')];`)) as {
      length: number;
      heads: Record<string, { label: string; value: number }>;
    }[];
    assert.deepEqual([json.length, binary.length], [10, 10]);
    assert.equal(json.heads.rain.label, binary.heads.rain.label);
    assert.ok(Math.abs(json.heads.temp_max.value - binary.heads.temp_max.value) < 1e-5);
  });

  it('goes on by stream and by token', async () => {
    const [streamed, carried, whole] = (await onPage(`
      const weather = await connect(origin).model('weather');
      const last = async steps => { let value; for await (const p of steps) value = p.heads.temp_max.value; return value; };
      const stream = await weather.stream();
      const streamed = await last(stream.steps(days.map(day => [day])));
      await stream.end();
      const carried = await last(weather.carried().steps(days.map(day => [day])));
      return [streamed, carried, (await weather.predict([days])).predictions[0].heads.temp_max.value];`)) as number[];
    for (const value of [streamed, carried]) assert.ok(Math.abs(value - whole) < 1e-5);
  });

  it('tells a typed problem, and stops when told', async () => {
    assert.deepEqual(
      await onPage(`
        const weather = await connect(origin).model('weather');
        const problem = await weather.predict([[{ ...days[0], wind: -1 }]]).catch(error => error);
        const aborted = await weather.predict([days], { signal: AbortSignal.abort('enough') }).catch(error => error);
        return [problem instanceof Problem, problem.code, problem.errors[0].pointer, aborted];`),
      [true, 'INVALID_SEQUENCE', '/sequences/0/0/wind', 'enough'],
    );
    assert.deepEqual(complaints, []);
  });
});
