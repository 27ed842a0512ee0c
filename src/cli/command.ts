// What every subcommand is, how it reads its arguments, and the settings under which it loads models.
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { type Config, readInvocation } from '../config.ts';
import { messageOf } from '../core/errors.ts';

export interface Command {
  readonly name: string;
  readonly usage: string;
  /** One sentence. */
  readonly summary: string;
  /** Arguments and options, each with what it means. */
  readonly details: readonly (readonly [string, string])[];
  run(args: readonly string[]): Promise<void>;
}

/** The command line is wrong: told with the usage, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly usage: string;

  constructor(message: string, usage: string) {
    super(message);
    this.usage = usage.startsWith('Usage: ') ? usage : `Usage: ${usage}`;
  }
}

type Options = NonNullable<ParseArgsConfig['options']>;
type Values<O extends Options> = ReturnType<
  typeof parseArgs<{ options: O; allowPositionals: true; strict: true }>
>['values'];

/** So many positional arguments, or from so many to so many, and these options. @throws {UsageError} */
export function readArguments<O extends Options>(
  { usage }: Command,
  args: readonly string[],
  count: number | readonly [least: number, most: number],
  options: O,
): { values: Values<O>; positionals: string[] } {
  let parsed: { values: Values<O>; positionals: string[] };
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(messageOf(error).split('. ')[0], usage);
  }
  const { length } = parsed.positionals;
  const [least, most] = typeof count === 'number' ? [count, count] : count;
  if (length < least || length > most) {
    const expected = least === 1 ? 'one argument' : `${least} arguments`;
    throw new UsageError(`expected ${expected}${most > least ? ` to ${most}` : ''}, got ${length || 'none'}`, usage);
  }
  return parsed;
}

/** The server's settings, from the environment. A command does not listen, so the address does not matter. */
export function readSettings(): Config {
  const invocation = readInvocation(['--host', '127.0.0.1']);
  if (!('config' in invocation)) throw new Error('no text was asked for');
  return invocation.config;
}
