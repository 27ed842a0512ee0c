// What makes a head's numbers honest, found on data with known answers: a temperature, a monotone map, a conformal margin.
import { z } from 'zod';

const MOST_CORNERS = 1000;
const finite = z.number();

const temperature = z
  .strictObject({ temperature: z.number().min(0.01).max(100) })
  .describe('What the probabilities are made of, in logits, is divided by it: above 1 less sure.');

const isotonic = z
  .strictObject({
    isotonic: z.strictObject({
      x: z.array(finite).min(1).max(MOST_CORNERS),
      y: z.array(z.number().min(0).max(1)).min(1).max(MOST_CORNERS),
    }),
  })
  .refine(({ isotonic: { x, y } }) => x.length === y.length, 'isotonic: x and y must have as many corners')
  .refine(({ isotonic: { x } }) => rises(x, (a, b) => a < b), 'isotonic: x must rise')
  .refine(({ isotonic: { y } }) => rises(y, (a, b) => a <= b), 'isotonic: y must not fall')
  .describe("Corners of a rising map of the second label's probability: straight between them, flat beyond.");

export const ofBinary = z.union([temperature, isotonic]).optional();
export const ofClasses = temperature.optional();

export const conformal = z
  .strictObject({
    margin: finite.describe('How much is added to both sides: of the interval, or of the value where there is none.'),
    coverage: z.number().gt(0).lt(1).describe('Share of new cases that lie inside.'),
  })
  .optional();

function rises(values: readonly number[], inOrder: (a: number, b: number) => boolean): boolean {
  return values.every((value, i) => i === 0 || inOrder(values[i - 1], value));
}
