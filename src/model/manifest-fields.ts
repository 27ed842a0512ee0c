// What several parts of a manifest are written with: names, labels, axes, file names.
import { z } from 'zod';

export const distinct = (values: readonly string[]) => new Set(values).size === values.length;
export const byName = (values: readonly { name: string }[]) => distinct(values.map(value => value.name));
export const name = z
  .string()
  .min(1)
  .max(256)
  .refine(value => value !== '__proto__', 'the name __proto__ is not allowed');
export const labels = z.array(z.string().min(1).max(256)).min(2).refine(distinct, 'labels must differ from each other');
export const text = z.string().max(2000).optional();
export const positive = z.number().int().positive();
export const axis = z.number().int().min(0).max(7);
export const plainFile = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'a plain file name in the version directory');
export const digest = z.string().regex(/^[0-9a-f]{64}$/, '64 lower-case hexadecimal digits');

export const batchAxis = axis.nullable().default(0).describe('Where the rows lie; null: the tensor has no batch axis.');
