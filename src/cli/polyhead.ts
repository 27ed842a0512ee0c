#!/usr/bin/env node
// The `polyhead` command: a subcommand for graphs and models at the terminal, or the server if none is named.
import { ConfigError, readInvocation } from '../config.ts';
import { LoadError, messageOf, ServiceError } from '../core/errors.ts';
import { benchCommand } from './bench.ts';
import { calibrateCommand } from './calibrate.ts';
import { certifyCommand } from './certify.ts';
import { checkCommand } from './check.ts';
import { type Command, UsageError } from './command.ts';
import { inspectCommand } from './inspect.ts';
import { predictCommand } from './predict.ts';
import { referenceCommand } from './reference.ts';
import { table } from './text.ts';

const COMMANDS: readonly Command[] = [
  inspectCommand,
  checkCommand,
  certifyCommand,
  predictCommand,
  referenceCommand,
  benchCommand,
  calibrateCommand,
];
const USAGE = `Usage: polyhead [${COMMANDS.map(({ name }) => name).join(' | ')}] …   or, to serve: polyhead [flags]`;

function helpOf({ usage, summary, details }: Command): string {
  return [`Usage: ${usage}`, '', summary, '', ...table(details, { indent: 2 })].join('\n');
}

function generalHelp(): string {
  const server = readInvocation(['--help']);
  return [
    USAGE,
    '',
    'Commands ("polyhead <command> --help" tells more):',
    ...table(
      COMMANDS.map(({ name, summary }) => [name, summary]),
      { indent: 2 },
    ),
    '',
    'Without a command, the server:',
    '',
    'print' in server ? server.print : '',
  ].join('\n');
}

async function main(args: readonly string[]): Promise<void> {
  const [word, ...rest] = args;
  const asksHelp = (list: readonly string[]) => list.includes('--help') || list.includes('-h');
  if (word === undefined || word.startsWith('-')) {
    if (asksHelp(args)) console.log(generalHelp());
    else await import('../main.ts');
    return;
  }
  if (word === 'help') {
    console.log(generalHelp());
    return;
  }
  const command = COMMANDS.find(({ name }) => name === word);
  if (!command) throw new UsageError(`there is no command "${word}"`, USAGE);
  const end = rest.indexOf('--');
  if (asksHelp(end < 0 ? rest : rest.slice(0, end))) console.log(helpOf(command));
  else await command.run(rest);
}

/** Sentences for what a user can mend; a stack only for what is a fault of ours. */
function report(error: unknown): void {
  const { code, syscall } = error as NodeJS.ErrnoException;
  process.exitCode = 1;
  if (code === 'EPIPE') return; // whoever read our output has enough
  if (error instanceof UsageError) {
    console.error(`polyhead: ${error.message}\n${error.usage}`);
    process.exitCode = 2;
  } else if (error instanceof ServiceError && error.code === 'INTERNAL') {
    console.error(error);
  } else if (
    error instanceof LoadError ||
    error instanceof ConfigError ||
    error instanceof ServiceError ||
    syscall !== undefined
  ) {
    console.error(`polyhead: ${messageOf(error)}`);
  } else {
    console.error(error);
  }
}

process.stdout.on('error', report);
await main(process.argv.slice(2)).catch(report);
