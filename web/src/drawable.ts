// Answers that are no numbers, in a form that every drawing takes.
import type { Answer, Prediction } from './model.ts';

/** With NaN where a model gave no finite number, and an answer without members where it could not decide. */
export function drawable(prediction: Prediction): Prediction {
  const numbered = (answer: Answer | null): Answer =>
    Object.fromEntries(
      Object.entries(answer ?? {}).map(([name, value]) => [name, value === null ? Number.NaN : value]),
    );
  const heads = Object.entries(prediction.heads).map(([name, reply]) => {
    const { steps, ...answer } = reply ?? {};
    return [name, { ...numbered(answer), ...(steps ? { steps: steps.map(numbered) } : {}) }];
  });
  return { ...prediction, heads: Object.fromEntries(heads) };
}
