// The log where its reader is slow, stopped or gone, over a pipe of the test's own.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LogOutput } from '../src/log-output.ts';
import { until } from './support/runner/until.ts';

/** A pipe with room for so many bytes; each read makes it again. */
class Pipe {
  room = 0;
  read = '';
  code = 'EAGAIN';

  readonly write = (bytes: Buffer): number => {
    if (this.room === 0) throw Object.assign(new Error(this.code), { code: this.code });
    const written = Math.min(this.room, bytes.length);
    this.room -= written;
    this.read += bytes.toString('utf8', 0, written);
    return written;
  };
}

describe('the log', () => {
  it('is written whole and in order where the pipe takes a part at a time', async () => {
    const pipe = new Pipe();
    const log = new LogOutput(pipe.write);
    const lines = Array.from({ length: 50 }, (_, i) => `line ${i}\n`);
    for (const [i, line] of lines.entries()) {
      pipe.room += i % 3 === 0 ? 5 : 0;
      log.write(line);
    }
    assert.ok(pipe.read.length > 0 && lines.join('').startsWith(pipe.read));
    pipe.room = 1e6;
    await until('the rest is written by itself', () => pipe.read === lines.join(''));
  });

  it('waits for a reader up to a bound, and then says how many lines were left out', () => {
    const pipe = new Pipe();
    const log = new LogOutput(pipe.write);
    const line = `${'x'.repeat(1023)}\n`;
    for (let i = 0; i < 3000; i++) log.write(line);
    pipe.room = Number.POSITIVE_INFINITY;
    log.flush();
    const read = pipe.read.split('\n').filter(text => text !== '');
    const kept = read.filter(text => text.startsWith('x')).length;
    assert.ok(kept >= 1024 && kept <= 1026, `${kept} lines`);
    assert.equal(read.length, kept + 1);
    assert.match(JSON.parse(read[kept]).msg, new RegExp(`^${3000 - kept} lines were left out`));
    log.write('more\n');
    assert.ok(pipe.read.endsWith('more\n'));
  });

  it('is no more written once the pipe is closed', () => {
    const pipe = new Pipe();
    const log = new LogOutput(pipe.write);
    pipe.code = 'EPIPE';
    log.write('a\n');
    pipe.room = 100;
    log.write('b\n');
    log.flush();
    assert.equal(pipe.read, '');
  });
});
