// What a setting is, and the kinds of values that settings have.
import { z } from 'zod';
import { ownShare, processesFor } from './core/machine.ts';
import { readKey } from './http/keys.ts';

export const whole = (least: number, most: number) =>
  z
    .string()
    .regex(/^[0-9]{1,15}$/, 'expected a whole number')
    .transform(Number)
    .pipe(z.number().min(least).max(most));
export const flag = z.enum(['true', 'false']).transform(value => value === 'true');

/** A setting: its variable, how it is read, its default as text, and what it is for. */
export interface Setting<T extends z.ZodType = z.ZodType> {
  readonly env: string;
  readonly schema: T;
  readonly fallback: string;
  readonly help: string;
  /** Never shown, and no flag: it would stand in the list of processes. */
  readonly secret?: boolean;
  /** Whether it may be read from a file that `<env>_FILE` names; secrets always may. */
  readonly file?: boolean;
  /** How it is shown where it holds a secret among other things. */
  readonly shown?: (value: string) => string;
}
export const setting = <T extends z.ZodType>(
  env: string,
  schema: T,
  fallback: string | number | boolean,
  help: string,
): Setting<T> => ({
  env,
  schema,
  fallback: String(fallback),
  help,
});

/** An address without what a reader of logs may not know. */
export function withoutPassword(address: string): string {
  return address.replace(/\/\/[^/?#]*@/, '//***@').replace(/[?#].*$/, '');
}

export const MIB = 1024 * 1024;
export const apiKey = z
  .string()
  .regex(/^[\x21-\x7e]+$/, 'keys are printable ASCII without spaces')
  .refine(text => readKey(text).secret.length >= 16, 'each key has at least 16 characters');

/** 32 bytes as 64 hexadecimal digits or in base64. */
export const stateKey = z.string().transform((text, context) => {
  const bytes = Buffer.from(text, /^[0-9a-fA-F]{64}$/.test(text) ? 'hex' : 'base64');
  if (bytes.length !== 32) context.addIssue('each key has 32 bytes, for example from: openssl rand -base64 32');
  return bytes;
});

/** Items separated by commas or white space. */
export const listOf = <T extends z.ZodType<unknown, string>>(item: T) =>
  z
    .string()
    .transform(text => text.split(/[\s,]+/).filter(Boolean))
    .pipe(z.array(item));

/** Where streams are kept. */
export const storeAddress = z
  .string()
  .trim()
  .regex(/^(memory|rediss?:\/\/.+)$/, 'expected memory or redis://...')
  .refine(text => text === 'memory' || URL.canParse(text), 'expected memory or an address redis://host:port');

export const spares = z.union([z.literal('auto'), whole(0, 16)], { error: 'expected auto or a whole number' });

/** How many processes: a number, or by what the machine has. */
export const auto = z.union([z.literal('auto').transform(() => processesFor(ownShare())), whole(1, 256)], {
  error: 'expected auto or a whole number',
});
