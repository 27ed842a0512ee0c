// REST version 1: streams, whose recurrent state the server keeps between calls.
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Service } from '../../service/service.ts';
import type { Step, StepSlice } from '../../service/step.ts';
import type { StreamRecord } from '../../state/store.ts';
import { callerOf } from '../caller.ts';
import { encodeOneWithin } from '../codec/large.ts';
import type { Detail } from '../codec/predictions.ts';
import { problems } from '../problems.ts';
import type { RestOptions } from './routes.ts';
import {
  inForms,
  modelParams,
  stepBody,
  stepLine,
  stepReply,
  streamInfo,
  streamParams,
  versionParams,
} from './schemas.ts';
import { type Frame, formOf, sendSlices } from './slices.ts';
import { timingHeaders } from './timing.ts';

const tags = ['streams'];

export function installStreams(instance: FastifyInstance, service: Service, options: RestOptions): void {
  installOpening(instance, service);
  installStream(instance, service);
  installSteps(instance, service, options);
}

function installOpening(instance: FastifyInstance, { streams }: Service): void {
  const app = instance.withTypeProvider<ZodTypeProvider>();
  const response = { 201: streamInfo, ...problems(404, 408, 413, 415, 503) };
  app.post(
    '/v1/models/:model/streams',
    {
      schema: {
        tags,
        summary: 'Open a stream on the newest version',
        operationId: 'openStream',
        params: modelParams,
        response,
      },
    },
    async (request, reply) => reply.code(201).send(infoOf(await streams.open(request.params))),
  );
  app.post(
    '/v1/models/:model/versions/:version/streams',
    {
      schema: {
        tags,
        summary: 'Open a stream on one version',
        operationId: 'openStreamVersion',
        params: versionParams,
        response,
      },
    },
    async (request, reply) => reply.code(201).send(infoOf(await streams.open(request.params))),
  );
}

function installStream(instance: FastifyInstance, { streams }: Service): void {
  const app = instance.withTypeProvider<ZodTypeProvider>();
  const found = problems(404, 409, 503);
  app.get(
    '/v1/models/:model/streams/:stream',
    {
      schema: {
        tags,
        summary: 'A stream: version, length, last use',
        operationId: 'getStream',
        params: streamParams,
        response: { 200: streamInfo, ...found },
      },
    },
    async request => infoOf(await streams.get(request.params.model, request.params.stream)),
  );
  app.delete(
    '/v1/models/:model/streams/:stream',
    {
      schema: {
        tags,
        summary: 'End a stream',
        operationId: 'endStream',
        params: streamParams,
        response: { 204: z.undefined().describe('Ended.'), ...found },
      },
    },
    async (request, reply) => {
      await streams.remove(request.params.model, request.params.stream);
      return reply.code(204).send();
    },
  );
}

function installSteps(instance: FastifyInstance, service: Service, options: RestOptions): void {
  const app = instance.withTypeProvider<ZodTypeProvider>();
  app.post(
    '/v1/models/:model/streams/:stream/steps',
    {
      config: { waits: true },
      schema: {
        tags,
        summary: 'Every head after the new steps',
        description:
          'Goes on from where the last step ended: the answer is the one for the whole history. One step at a time; a step that fails leaves the stream as it was. In slices, each is a step of its own.',
        operationId: 'stepStream',
        params: streamParams,
        body: stepBody,
        response: { 200: inForms(stepReply, stepLine), ...problems(404, 408, 409, 413, 415, 422, 503, 504) },
      },
    },
    async ({ params, body }, reply) => {
      const caller = callerOf(reply, options);
      const form = formOf(reply.request.headers.accept);
      const { model, stream } = params;
      // Written before the step is taken: one whose answer is too large, or has no room, leaves the stream as it was.
      let text: string | Buffer = '';
      const write = async (step: Step, last?: boolean, frame?: Frame) => {
        text = await stepText(step, body.probabilities, options.maxAnswerBytes, { last, frame });
        if (!frame) instance.answers.take(reply, text.length);
      };
      if (form) {
        const accept = (slice: StepSlice) => write(slice, slice.last, form.frame);
        return sendSlices(reply, form, service.streams.slices(model, stream, body, caller, accept), caller, () => text);
      }
      const { timing } = await service.streams.step(model, stream, body, caller, step => write(step));
      reply.timing = timing;
      return reply.headers(timingHeaders(timing)).send(text as never);
    },
  );
}

/** `last` is told of slices only. */
function stepText(
  step: Step,
  detail: Detail | undefined,
  mostBytes: number,
  { last, frame: [before, after] = ['', ''] }: { last?: boolean; frame?: Frame },
): Promise<string | Buffer> {
  const { id, model, version, length, state } = step.record;
  const head = JSON.stringify({ stream: id, model, version, length, stateBytes: state.length, last }).slice(0, -1);
  return encodeOneWithin([`${before}${head},"prediction":`, `}${after}`], step, detail, mostBytes);
}

function infoOf({ id, model, version, length, state, createdMs, usedMs }: StreamRecord): z.infer<typeof streamInfo> {
  const time = (milliseconds: number) => new Date(milliseconds).toISOString();
  return { stream: id, model, version, length, stateBytes: state.length, created: time(createdMs), used: time(usedMs) };
}
