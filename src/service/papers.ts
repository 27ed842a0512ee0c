// What a version folder holds for people: its card, and sequences to begin with.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ServiceError } from '../core/errors.ts';
import type { Model } from './model.ts';

export interface SampleSequence {
  /** `golden`: the training framework's answer to it was compared at load. */
  readonly source: 'example' | 'golden';
  readonly sequence: unknown;
}
const MOST_GOLDEN = 12;

/** CARD.md as it stands. @throws {ServiceError} NOT_FOUND if the model brings none. */
export async function readCard({ name, folder }: Model): Promise<string> {
  const card = await read(folder, 'CARD.md');
  if (card === undefined) throw new ServiceError('NOT_FOUND', `model "${name}" brings no CARD.md`);
  return card;
}

/** The sequences of example.json and the first of golden.json, spelled as they are there. */
export async function readSamples({ folder, example }: Model): Promise<SampleSequence[]> {
  const golden = JSON.parse((await read(folder, 'golden.json')) ?? '{"cases":[]}') as {
    cases: { sequence?: unknown }[];
  };
  const known = golden.cases.filter(c => c.sequence !== undefined).slice(0, MOST_GOLDEN);
  return [
    ...example.sequences.map(sequence => ({ source: 'example' as const, sequence })),
    ...known.map(({ sequence }) => ({ source: 'golden' as const, sequence })),
  ];
}

async function read(folder: string, file: string): Promise<string | undefined> {
  return readFile(path.join(folder, file), 'utf8').catch(error => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}
