// What the methods of the inference service keep of requests that were answered: nothing.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { it } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { type GrpcOptions, inferenceService } from '../../src/grpc/service.ts';
import type { Caller } from '../../src/service/caller.ts';
import type { Service } from '../../src/service/service.ts';
import { until } from '../support/runner/until.ts';

it('a stream forgets what its answered requests would have done had their caller left', async () => {
  const left: string[] = [];
  const answer = { model: { name: 'm', version: '1' }, outputs: [] };
  /** As a step of a sequence does, which first waits for its turn. */
  const inferStep = async (_target: unknown, _request: unknown, _step: unknown, caller: Caller, accept: Accept) => {
    for (const what of ['waits', 'runs']) caller.onGone(() => left.push(what));
    await accept(answer);
    return answer;
  };
  const service = { models: {}, control: {}, admit: () => {}, inferStep } as unknown as Service;
  const options = { requestTimeoutMs: 1000, maxRequestTimeoutMs: 1000, liveWaiting: 4, maxAnswerBytes: 1000 };
  const written: unknown[] = [];
  const call = Object.assign(new EventEmitter(), {
    metadata: new grpc.Metadata(),
    cancelled: false,
    getDeadline: () => Number.POSITIVE_INFINITY,
    isPaused: () => false,
    write: (told: unknown) => written.push(told) > 0,
  });
  inferenceService(service, options as unknown as GrpcOptions).ModelStreamInfer(call as never);
  const parameters = { sequence_id: { parameter_choice: 'string_param', string_param: 'a' } };
  const message = {
    model_name: 'm',
    model_version: '',
    id: '',
    inputs: [],
    outputs: [],
    raw_input_contents: [],
    parameters,
  };
  for (let i = 0; i < 3; i++) call.emit('data', message);
  await until('all are answered', () => written.length === 3);
  call.emit('cancelled');
  assert.deepEqual(left, []);
});

type Accept = (answer: unknown) => Promise<void>;
