// Recurrent state sealed for the caller to carry: AES-256-GCM, bound to model, version and graph, with an expiry.
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { ServiceError } from '../core/errors.ts';

/** What a token is bound to. */
export interface Binding {
  readonly model: string;
  readonly version: string;
  /** Of the graph, its weights and the form of its state, as `stateDigest` gives it. */
  readonly digest: string;
}

const FORMAT = 1;
const KEY_ID_BYTES = 4;
const EXPIRY_BYTES = 6;
const VERSION_BYTES = 4;
const BOUND_BYTES = 16;
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** format | key id | expiry, seconds | model version | hash of what it is bound to: readable, and authenticated. */
const HEAD_BYTES = 1 + KEY_ID_BYTES + EXPIRY_BYTES + VERSION_BYTES + BOUND_BYTES;

interface Key {
  readonly id: Buffer;
  readonly key: Buffer;
}

export class TokenSealer {
  readonly #keys: readonly Key[];
  readonly #lifeSeconds: number;

  /** The first key seals, all of them open: a new one is put in front, the old ones stay until their tokens have expired. */
  constructor(keys: readonly Buffer[], lifeSeconds: number) {
    this.#keys = keys.map(key => ({ key, id: createHash('sha256').update(key).digest().subarray(0, KEY_ID_BYTES) }));
    this.#lifeSeconds = lifeSeconds;
  }

  /** Characters of a token for so many bytes of state. */
  static size(stateBytes: number): number {
    return Math.ceil(((HEAD_BYTES + IV_BYTES + TAG_BYTES + stateBytes) * 4) / 3);
  }

  seal(state: Uint8Array, binding: Binding, nowMs = Date.now()): string {
    const [{ id, key }] = this.#keys;
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt8(FORMAT);
    id.copy(head, 1);
    head.writeUIntBE(Math.floor(nowMs / 1000) + this.#lifeSeconds, 1 + KEY_ID_BYTES, EXPIRY_BYTES);
    head.writeUInt32BE(Number(binding.version), 1 + KEY_ID_BYTES + EXPIRY_BYTES);
    boundHash(binding).copy(head, HEAD_BYTES - BOUND_BYTES);
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(head);
    const sealed = Buffer.concat([cipher.update(state), cipher.final()]);
    return Buffer.concat([head, iv, sealed, cipher.getAuthTag()]).toString('base64url');
  }

  /**
   * The state in a token. Only a token that is authentic is told what else is wrong with it.
   * @throws {ServiceError} INVALID_STATE
   */
  open(token: string, binding: Binding, stateBytes: number, nowMs = Date.now()): Buffer {
    const bytes = bytesOf(token);
    const key = this.#keys.find(({ id }) => bytes?.subarray(1, 1 + KEY_ID_BYTES).equals(id));
    if (!bytes || bytes.length < HEAD_BYTES + IV_BYTES + TAG_BYTES || bytes[0] !== FORMAT) fail('is no state token');
    if (!key) fail('was sealed with a key that this server does not have');
    const head = bytes.subarray(0, HEAD_BYTES);
    const iv = bytes.subarray(HEAD_BYTES, HEAD_BYTES + IV_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', key.key, iv).setAAD(head).setAuthTag(bytes.subarray(-TAG_BYTES));
    let state: Buffer;
    try {
      state = Buffer.concat([decipher.update(bytes.subarray(HEAD_BYTES + IV_BYTES, -TAG_BYTES)), decipher.final()]);
    } catch {
      fail('has been altered');
    }
    if (!head.subarray(-BOUND_BYTES).equals(boundHash(binding)) || state.length !== stateBytes) {
      fail('belongs to another model, version or graph');
    }
    if (head.readUIntBE(1 + KEY_ID_BYTES, EXPIRY_BYTES) * 1000 <= nowMs) fail('has expired');
    return state;
  }
}

/** The model version that a token says it belongs to; it is believed only when the token is opened. */
export function tokenVersion(token: string): string | undefined {
  const bytes = bytesOf(token);
  if (!bytes || bytes.length < HEAD_BYTES) return undefined;
  return String(bytes.readUInt32BE(1 + KEY_ID_BYTES + EXPIRY_BYTES));
}

/** A token's bytes, if it is written as `seal` writes: a decoder would overlook stray characters and bits. */
function bytesOf(token: string): Buffer | undefined {
  const bytes = Buffer.from(token, 'base64url');
  return bytes.toString('base64url') === token ? bytes : undefined;
}

function boundHash({ model, version, digest }: Binding): Buffer {
  return createHash('sha256').update(`${model}\0${version}\0${digest}`).digest().subarray(0, BOUND_BYTES);
}

function fail(what: string): never {
  throw new ServiceError('INVALID_STATE', `the state token ${what}`);
}
