// Explanations to JSON text: numbers as predict writes them, null for what is not known.
import type { CellBlock } from '../../service/explain/cells.ts';
import type { Explanation, Explanations, HeadExplanation, Method } from '../../service/explain.ts';
import { gather, PIECE } from './large.ts';
import { numberText, tensorPieces } from './tensor-text.ts';

/** The body of an explain reply. @throws {ServiceError} ANSWER_TOO_LARGE. */
export function encodeExplanations(explained: Explanations, method: Method, mostBytes: number): Promise<Buffer> {
  let numbers = 0;
  for (const { heads } of explained.explanations) for (const { attributions } of heads) numbers += attributions.length;
  return gather(pieces(explained, method), numbers, mostBytes);
}

function* pieces({ model, version, explanations }: Explanations, method: Method): Generator<string> {
  yield `${JSON.stringify({ model, version }).slice(0, -1)},"explanations":[`;
  for (const [e, explanation] of explanations.entries()) {
    yield `${e > 0 ? ',' : ''}{"length":${explanation.length},"heads":{`;
    for (const [h, head] of explanation.heads.entries()) {
      if (h > 0) yield ',';
      yield* headPieces(explanation, head, method);
    }
    yield '}}';
  }
  yield ']}';
}

function* headPieces(
  { blocks, rows, partial }: Explanation,
  { target, output, baselineOutput, attributions, gap, standardError }: HeadExplanation,
  method: Method,
): Generator<string> {
  const told = { target: target.name, step: target.step };
  yield `${JSON.stringify(target.head.spec.name)}:${JSON.stringify(told).slice(0, -1)}`;
  yield `,"output":${numberText(output)},"baselineOutput":${numberText(baselineOutput)},"method":"${method}"`;
  yield ',"attributions":';
  if (blocks.length === 1) yield* blockPieces(blocks[0], attributions);
  else {
    for (const [b, block] of blocks.entries()) {
      yield `${b > 0 ? ',' : '{'}${JSON.stringify(block.input.spec.name)}:`;
      yield* blockPieces(block, attributions);
    }
    yield '}';
  }
  const error = standardError === undefined ? '' : `,"standardError":${numberText(standardError)}`;
  yield `,"convergence":{"rows":${rows},"gap":${numberText(gap)}${error},"partial":${partial}}}`;
}

function blockPieces({ first, count, dims }: CellBlock, attributions: Float64Array): Generator<string> {
  const values = [...attributions.subarray(first, first + count)];
  return tensorPieces({ dtype: 'float32', dims, values }, PIECE);
}
