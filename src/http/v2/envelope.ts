// A quick look at an envelope: the schema, which costs more than a small run, judges only what is out of the ordinary.
import { type InferBody, MOST_AXES, MOST_TENSORS } from './schemas.ts';

/** Whether the value is an envelope beyond doubt; what is not may still be one. */
export function isPlainInfer(value: unknown): value is InferBody {
  if (!isObject(value)) return false;
  const { id, parameters, inputs, outputs } = value;
  if (id !== undefined && typeof id !== 'string') return false;
  if (!isOptional(parameters) || !Array.isArray(inputs) || inputs.length === 0 || !inputs.every(isInput)) return false;
  return inputs.length <= MOST_TENSORS && (outputs === undefined || isOutputs(outputs));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const isOptional = (parameters: unknown) => parameters === undefined || isObject(parameters);

function isInput(input: unknown): boolean {
  if (!isObject(input)) return false;
  const { name, datatype, shape, parameters } = input;
  if (typeof name !== 'string' || typeof datatype !== 'string' || !isOptional(parameters)) return false;
  return (
    Array.isArray(shape) && shape.length <= MOST_AXES && shape.every(size => Number.isSafeInteger(size) && size >= 0)
  );
}

function isOutputs(outputs: unknown): boolean {
  if (!Array.isArray(outputs) || outputs.length > MOST_TENSORS) return false;
  return outputs.every(output => isObject(output) && typeof output.name === 'string' && isOptional(output.parameters));
}
