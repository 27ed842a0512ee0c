// Replies as protobufjs reads them: every datatype raw and typed, at the ends of their ranges; written in slices, and bounded.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import protobuf from 'protobufjs';
import { ARRAYS, type DType, type Tensor } from '../../src/core/tensor.ts';
import { INFERENCE } from '../../src/grpc/protos.ts';
import { replyBytes, streamBytes } from '../../src/grpc/wire.ts';
import { DATATYPES } from '../../src/http/codec/tensors.ts';
import type { Inference } from '../../src/service/infer.ts';

const { root } = protobuf.parse(INFERENCE, { keepCase: true });
const MOST = 1e9;
const [I32, I64] = [2 ** 31, 2n ** 63n];
const CASES: readonly (readonly [DType, string, readonly (number | bigint | string)[]])[] = [
  ['bool', 'bool_contents', [0, 1, 1]],
  ['int8', 'int_contents', [-128, -1, 0, 127]],
  ['int16', 'int_contents', [-32768, 300, 32767]],
  ['int32', 'int_contents', [-I32, -1, 0, 127, 128, I32 - 1]],
  ['int64', 'int64_contents', [-I64, -1n, 0n, 1n, 2n ** 32n, 2n ** 35n + 5n, I64 - 1n]],
  ['uint8', 'uint_contents', [0, 255]],
  ['uint16', 'uint_contents', [0, 65535]],
  ['uint32', 'uint_contents', [0, 2 * I32 - 1]],
  ['uint64', 'uint64_contents', [0n, 2n ** 31n, 2n * I64 - 1n]],
  ['float32', 'fp32_contents', [0.1, -0, 3.4e38, Number.NaN, Number.NEGATIVE_INFINITY].map(Math.fround)],
  ['float64', 'fp64_contents', [0.1, 5e-324, Number.NaN]],
  ['string', 'bytes_contents', ['', 'é"\0', 'x'.repeat(300)]],
];

const tensorOf = (dtype: DType, dims: number[], values: readonly unknown[]): Tensor => ({
  dtype,
  dims,
  data: dtype === 'string' ? (values as string[]) : (new ARRAYS[dtype](values as never) as Tensor['data']),
});
const answerOf = (...tensors: Tensor[]) =>
  ({
    model: { name: 'modèle', version: '1' },
    outputs: tensors.map((tensor, i) => ({ name: `y${i}`, tensor })),
  }) as unknown as Inference;

interface Read {
  readonly model_name: string;
  readonly model_version: string;
  readonly id?: string;
  readonly outputs: { name: string; datatype: string; shape: string[]; contents?: Record<string, unknown[]> }[];
  readonly raw_output_contents: Buffer[];
}
function read(bytes: Buffer): Read {
  const type = root.lookupType('inference.ModelInferResponse');
  return type.toObject(type.decode(bytes), { longs: String, arrays: true }) as Read;
}
/** As protobufjs has them: 64-bit numbers as text, texts as bytes. */
const asRead = (values: readonly unknown[], dtype: DType) =>
  values.map(value => {
    if (dtype === 'bool') return value === 1;
    if (typeof value === 'string') return Buffer.from(value);
    return typeof value === 'bigint' ? `${value}` : value;
  });

describe('replies as protocol buffers', () => {
  for (const [dtype, member, values] of CASES) {
    it(`hold ${dtype}, typed and raw`, async () => {
      const inference = answerOf(tensorOf(dtype, [1, values.length], values), tensorOf(dtype, [0], []));
      const typed = read(await replyBytes(inference, { id: 'a', raw: false, mostBytes: MOST }));
      assert.deepEqual([typed.model_name, typed.model_version, typed.id], ['modèle', '1', 'a']);
      const [first, second] = typed.outputs;
      assert.deepEqual([first.name, first.datatype, first.shape], ['y0', DATATYPES[dtype], ['1', `${values.length}`]]);
      assert.deepEqual(first.contents?.[member], asRead(values, dtype));
      assert.deepEqual([second.name, second.shape, second.contents?.[member]], ['y1', ['0'], []]);
      assert.deepEqual(typed.raw_output_contents, []);
      const raw = read(await replyBytes(inference, { id: '', raw: true, mostBytes: MOST }));
      assert.deepEqual([raw.id ?? '', raw.outputs[0].contents, raw.raw_output_contents.length], ['', undefined, 2]);
      if (dtype === 'string') return;
      const { buffer, byteOffset, byteLength } = inference.outputs[0].tensor.data as Uint8Array;
      assert.deepEqual(raw.raw_output_contents[0], Buffer.from(buffer, byteOffset, byteLength));
    });
  }

  it('are raw where a tensor has no typed form', async () => {
    const halves = tensorOf('float16', [2], [0x3c00, 0x4000]);
    const { outputs, raw_output_contents: raw } = read(
      await replyBytes(answerOf(halves, tensorOf('string', [1], ['ab'])), { id: '', raw: false, mostBytes: MOST }),
    );
    assert.deepEqual([outputs.length, outputs[0].contents], [2, undefined]);
    assert.deepEqual(raw, [Buffer.from([0, 0x3c, 0, 0x40]), Buffer.from([2, 0, 0, 0, 97, 98])]);
  });

  it('are messages of a stream, too', async () => {
    const reply = await replyBytes(answerOf(tensorOf('int32', [1], [5])), { id: '', raw: false, mostBytes: MOST });
    const type = root.lookupType('inference.ModelStreamInferResponse');
    const { error_message, infer_response } = type.toObject(type.decode(streamBytes(reply)), {
      defaults: true,
    }) as { error_message: string; infer_response: Read };
    assert.deepEqual([error_message, infer_response.outputs[0].contents?.int_contents], ['', [5]]);
  });

  it('are written in slices: other work is done in between', async () => {
    for (const dtype of ['int64', 'string'] as const) {
      let turns = 0;
      let writing = true;
      const turn = () => {
        turns++;
        if (writing) setImmediate(turn);
      };
      setImmediate(turn);
      const count = dtype === 'string' ? 300_000 : 1_000_000;
      const values = Array.from({ length: count }, (_, i) => (dtype === 'string' ? `${i}` : BigInt(i) << 40n));
      const bytes = await replyBytes(answerOf(tensorOf(dtype, [count], values)), {
        id: '',
        raw: false,
        mostBytes: MOST,
      });
      writing = false;
      assert.ok(turns > 3, `${turns} turns for ${dtype}`);
      assert.ok(bytes.length > count * 6);
    }
  });

  it('are refused beyond the bound', async () => {
    const inference = answerOf(
      tensorOf('float32', [100], new Array(100).fill(1)),
      tensorOf('bool', [600], new Array(600).fill(1)),
    );
    await replyBytes(inference, { id: '', raw: true, mostBytes: 1000 });
    for (const raw of [true, false])
      await assert.rejects(replyBytes(inference, { id: '', raw, mostBytes: 999 }), { code: 'ANSWER_TOO_LARGE' });
  });
});
