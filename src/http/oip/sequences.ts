// The sequence extension: requests of one id go on from each other's state, over the same streams as REST's.
import { ServiceError } from '../../core/errors.ts';
import { Turns } from '../../core/turns.ts';
import { type Inference, infer } from '../../service/infer.ts';
import type { LoadedModel } from '../../service/loaded-model.ts';
import type { Streams } from '../../service/state/streams.ts';
import type { Asked, SequenceStep } from '../v2/convert.ts';

/** Requests of one id in this process, in the order of arrival. */
const turns = new Turns();

/**
 * Runs a step of a sequence in its turn, by the version that it began on. `onCall` is given the way to abandon the run; `gone` says that nobody waits for it.
 * @throws {ServiceError} INVALID_REQUEST if the sequence was not started, or the caller sends the state that the server keeps.
 */
export function inferInSequence(
  streams: Streams,
  model: LoadedModel,
  { request }: Asked,
  { id, start, end }: SequenceStep,
  timeoutMs: number,
  onCall: (abandon: () => void) => void,
  gone: () => boolean,
): Promise<{ readonly inference: Inference; readonly model: LoadedModel }> {
  const arrivedMs = performance.now();
  const sent = model.signature.state.find(({ input }) => Object.hasOwn(request.tensors, input.name));
  if (sent) {
    throw new ServiceError(
      'INVALID_REQUEST',
      `input "${sent.input.name}" is state, which the server keeps for this sequence`,
    );
  }
  const stream = `v2:${model.name}:${id}`;
  return turns.run(stream, async () => {
    if (gone()) throw new ServiceError('CALLER_GONE', 'the caller closed the connection');
    const leftMs = Math.ceil(timeoutMs - (performance.now() - arrivedMs));
    if (leftMs <= 0) throw new ServiceError('DEADLINE_EXCEEDED', `no answer within ${timeoutMs} ms`);
    if (start) await streams.create(model, stream);
    const { answer } = await streams
      .step(model.name, stream, { timeoutMs: leftMs, patienceMs: leftMs }, async (loaded, state) => {
        const call = infer(loaded, { ...request, timeoutMs: leftMs, stream: { state } });
        onCall(call.abandon);
        const inference = await call.done;
        const { state: next, length } = inference;
        return { answer: { inference, model: loaded }, state: next as Uint8Array, length };
      })
      .catch(error => {
        if (!(error instanceof ServiceError) || error.code !== 'STREAM_NOT_FOUND') throw error;
        throw new ServiceError('INVALID_REQUEST', 'must specify the START flag on the first request of the sequence');
      });
    if (end) await streams.remove(model.name, stream).catch(() => {}); // its step was taken; the rest is idle
    return answer;
  });
}
