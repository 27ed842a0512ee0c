// API keys as they are written in the settings: KEY, NAME:KEY or NAME:ROLES:KEY. A name tells in the log who called; roles say what
// for, all where none are given.
import { createHash, timingSafeEqual } from 'node:crypto';

export type Role = 'predict' | 'control' | 'metrics';

export interface ApiKey {
  readonly name?: string;
  readonly roles: readonly Role[];
  /** What callers send. */
  readonly secret: string;
}

const ROLES: readonly Role[] = ['predict', 'control', 'metrics'];
const ONE = `(?:${ROLES.join('|')})`;
const NAMED = new RegExp(`^([A-Za-z][A-Za-z0-9._-]{0,63}):(?:(${ONE}(?:\\+${ONE})*):)?(.+)$`);

export function readKey(text: string): ApiKey {
  const [, name, roles, secret] = NAMED.exec(text) ?? [];
  if (secret === undefined) return { roles: ROLES, secret: text };
  return { name, roles: roles === undefined ? ROLES : (roles.split('+') as Role[]), secret };
}

/** Finds the key that a caller sent, in the same time whatever it is. */
export function keyFinder(texts: readonly string[]): (secret: string) => ApiKey | undefined {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  // As a whole, too: a key from before there were names may look as if it had one.
  const keys = texts.map(readKey).map((key, i) => ({ key, known: [digest(key.secret), digest(texts[i])] }));
  return secret => {
    const given = digest(secret);
    const matches = keys.filter(({ known }) => known.map(one => timingSafeEqual(one, given)).includes(true));
    return matches[0]?.key;
  };
}
