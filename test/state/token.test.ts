// State tokens: what opens, what is refused and in which words. Nothing is told of a token that is not authentic.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { ServiceError } from '../../src/core/errors.ts';
import { TokenSealer, tokenVersion } from '../../src/state/token.ts';

const NOW = 1_700_000_000_000;
const LIFE_S = 60;
const BINDING = { model: 'weather', version: '3', digest: 'ab'.repeat(32) };
const STATE = Buffer.from(Float32Array.from({ length: 16 }, (_, i) => i / 7).buffer);
const [OLD, NEW, OTHER] = [1, 2, 3].map(fill => Buffer.alloc(32, fill));

const sealerOf = (...keys: Buffer[]) => new TokenSealer(keys, LIFE_S);
const open = (sealer: TokenSealer, token: string, binding = BINDING, bytes = STATE.length, nowMs = NOW) =>
  sealer.open(token, binding, bytes, nowMs);

/** The words of the refusal. */
function refusal(act: () => unknown): string {
  let words = '';
  assert.throws(act, (error: unknown) => {
    assert.ok(error instanceof ServiceError && error.code === 'INVALID_STATE', String(error));
    words = error.message.replace('the state token ', '');
    return true;
  });
  return words;
}

const NO_TOKEN = 'is no state token';
const NO_KEY = 'was sealed with a key that this server does not have';
const ALTERED = 'has been altered';
const FOREIGN = 'belongs to another model, version or graph';
const EXPIRED = 'has expired';

describe('a state token', () => {
  const sealer = sealerOf(OLD);
  const token = sealer.seal(STATE, BINDING, NOW);

  it('opens to the state that was sealed', () => {
    assert.deepEqual(open(sealer, token), STATE);
    assert.equal(tokenVersion(token), '3');
  });

  it('is of the size that is stated, for every size of state', () => {
    for (const bytes of [0, 1, 2, 3, 4, 63, 64, 65, 384, 1000, 4096]) {
      const state = randomBytes(bytes);
      const sealed = sealer.seal(state, BINDING, NOW);
      assert.equal(sealed.length, TokenSealer.size(bytes));
      assert.deepEqual(open(sealer, sealed, BINDING, bytes), state);
    }
  });

  it('never looks the same twice, and shows nothing of the state', () => {
    const tokens = Array.from({ length: 200 }, () => sealer.seal(STATE, BINDING, NOW));
    assert.equal(new Set(tokens).size, 200);
    const bytes = Buffer.from(token, 'base64url');
    for (let i = 0; i < STATE.length; i += 8) assert.equal(bytes.indexOf(STATE.subarray(i + 4, i + 12)), -1);
  });

  it('lives as long as it was told', () => {
    assert.deepEqual(open(sealer, token, BINDING, STATE.length, NOW + LIFE_S * 1000 - 1), STATE);
    assert.equal(
      refusal(() => open(sealer, token, BINDING, STATE.length, NOW + LIFE_S * 1000)),
      EXPIRED,
    );
  });

  it('belongs to one model, version, graph and size of state', () => {
    const others = [{ model: 'storms' }, { version: '4' }, { digest: 'cd'.repeat(32) }];
    for (const other of others) {
      assert.equal(
        refusal(() => open(sealer, token, { ...BINDING, ...other })),
        FOREIGN,
      );
    }
    for (const bytes of [0, STATE.length - 4, STATE.length + 4]) {
      assert.equal(
        refusal(() => open(sealer, token, BINDING, bytes)),
        FOREIGN,
      );
    }
  });

  it('is not confused about where a name ends and a version begins', () => {
    const sealed = sealer.seal(STATE, { ...BINDING, model: 'weather', version: '31' }, NOW);
    assert.equal(
      refusal(() => open(sealer, sealed, { ...BINDING, model: 'weather3', version: '1' })),
      FOREIGN,
    );
  });

  it('opens under the old key after a new one was put in front, and not when the old one is gone', () => {
    const rotated = sealerOf(NEW, OLD);
    assert.deepEqual(open(rotated, token), STATE);
    const fresh = rotated.seal(STATE, BINDING, NOW);
    assert.equal(
      refusal(() => open(sealer, fresh)),
      NO_KEY,
    );
    assert.deepEqual(open(sealerOf(NEW), fresh), STATE);
    assert.equal(
      refusal(() => open(sealerOf(NEW), token)),
      NO_KEY,
    );
    assert.equal(
      refusal(() => open(sealerOf(OTHER), token)),
      NO_KEY,
    );
  });

  it('is refused under a wrong key that claims the right one', () => {
    const bytes = Buffer.from(sealerOf(OTHER).seal(STATE, BINDING, NOW), 'base64url');
    Buffer.from(token, 'base64url').copy(bytes, 1, 1, 5); // the key's id
    assert.equal(
      refusal(() => open(sealer, bytes.toString('base64url'))),
      ALTERED,
    );
  });

  it('is refused cut at any length', () => {
    for (let length = 0; length < token.length; length++) {
      const words = refusal(() => open(sealer, token.slice(0, length)));
      assert.ok([NO_TOKEN, ALTERED].includes(words), `${length}: ${words}`);
    }
  });

  it('is refused with any one bit changed, any character changed, or anything added', () => {
    const bytes = Buffer.from(token, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] ^= 1 << (bit & 7);
      const words = refusal(() => open(sealer, changed.toString('base64url')));
      assert.equal(words, bit < 8 ? NO_TOKEN : bit < 40 ? NO_KEY : ALTERED, `bit ${bit}`);
    }
    for (let i = 0; i < token.length; i++) {
      for (const character of 'AQgw_-') {
        if (character !== token[i]) refusal(() => open(sealer, token.slice(0, i) + character + token.slice(i + 1)));
      }
    }
    for (const more of ['A', 'AA', 'AAA', 'AAAA', '=', '==', ' ', '\n', 'A'.repeat(100_000), token]) {
      refusal(() => open(sealer, token + more));
    }
  });

  it('says of an expired, foreign one that was altered no more than that', () => {
    const bytes = Buffer.from(sealer.seal(STATE, { ...BINDING, model: 'storms' }, 0), 'base64url');
    bytes[bytes.length - 1] ^= 1;
    assert.equal(
      refusal(() => open(sealer, bytes.toString('base64url'))),
      ALTERED,
    );
  });

  it('is no token if it is not base64url', () => {
    for (const text of ['', ' ', '=', token.replace(/^./, '+'), `${token}/`, 'ä'.repeat(90), '\0', '🌀'.repeat(40)]) {
      assert.equal(
        refusal(() => open(sealer, text)),
        NO_TOKEN,
      );
      assert.equal(tokenVersion(text), undefined);
    }
    for (let i = 0; i < 2000; i++) {
      const bytes = randomBytes(1 + (i % 200));
      refusal(() => open(sealer, bytes.toString('base64url')));
      tokenVersion(bytes.toString('base64url'));
    }
  });
});
