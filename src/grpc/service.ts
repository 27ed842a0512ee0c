// inference.GRPCInferenceService on the one door: each method translates to a call of the service and back.
import type { handleBidiStreamingCall, handleUnaryCall, ServerDuplexStream, ServerUnaryCall } from '@grpc/grpc-js';
import { ServiceError } from '../core/errors.ts';
import type { Trace } from '../core/trace.ts';
import { logFault } from '../http/errors.ts';
import { traceIdIn } from '../http/traces.ts';
import { checkControl, checkFromRepository } from '../http/v2/control.ts';
import { configOf, metadataOf, serverMetadataOf, statisticsOf } from '../http/v2/describe.ts';
import type { Caller } from '../service/caller.ts';
import type { Inference } from '../service/infer.ts';
import type { Service } from '../service/service.ts';
import type { Target } from '../service/shelves.ts';
import { parseRequest } from './convert.ts';
import { grpcError, known } from './errors.ts';
import { quotaHolderOf } from './guard.ts';
import { shareOf } from './held.ts';
import type { Message, Named, RepositoryMessage } from './messages.ts';
import { followed } from './traces.ts';
import { replyBytes, streamBytes } from './wire.ts';

export interface GrpcOptions {
  readonly requestTimeoutMs: number;
  readonly maxRequestTimeoutMs: number;
  readonly modelControl: 'none' | 'explicit';
  readonly streamIdleTimeoutS: number;
  /** Most requests of one stream that are not answered; beyond them it is not read. */
  readonly liveWaiting: number;
  readonly maxAnswerBytes: number;
}

/** Acts once when the caller of one request has left. */
type OnGone = Caller['onGone'];
type Call = ServerUnaryCall<unknown, unknown> | ServerDuplexStream<Message, unknown>;

/** An empty version is none. */
const targetOf = (name: string, version: string): Target => ({ model: name, version: version || undefined });

/** The methods by name. */
export function inferenceService(service: Service, options: GrpcOptions) {
  const { models, control } = service;
  const find = ({ name, version }: Named) => {
    const { model, version: wanted } = targetOf(name, version);
    return models.get(model, wanted);
  };
  const answer = async (message: Message, call: Call, onGone?: OnGone, trace?: Trace) => {
    const target = targetOf(message.model_name, message.model_version);
    service.admit(target);
    const asked = parseRequest(message);
    const caller = { ...callerOf(call, options, asked.timeoutMs, onGone), trace };
    const share = shareOf(call.metadata);
    let reply: Buffer = Buffer.alloc(0);
    // Before a step is taken: one whose answer is too large, or finds no room, is not.
    const write = async (inference: Inference) => {
      const written = await replyBytes(inference, { ...asked, mostBytes: options.maxAnswerBytes });
      share?.answer(written.length);
      reply = written;
    };
    try {
      if (asked.sequence) await service.inferStep(target, asked.request, asked.sequence, caller, write);
      else await write(await service.infer(target, asked.request, caller));
      return reply;
    } catch (error) {
      share?.unanswered(reply.length);
      throw error;
    }
  };
  const infer = (message: Message, call: Call, onGone?: OnGone) => {
    const method = onGone ? 'ModelStreamInfer' : 'ModelInfer';
    return followed(service.tracing, method, call.metadata, trace => answer(message, call, onGone, trace));
  };
  const change = (action: 'load' | 'unload') => async (message: RepositoryMessage) => {
    checkControl(options.modelControl);
    checkFromRepository(message.parameters);
    await control[action](message.model_name);
    return {};
  };
  const unary = <T>(answer: (message: T, call: Call) => unknown) => unaryHandler(service, answer);
  return {
    ServerLive: unary(() => ({ live: true })),
    ServerReady: unary(() => ({ ready: service.readiness().ready })),
    // Not ready rather than an error where there is none, as Triton has it.
    ModelReady: unary((named: Named) => {
      try {
        return { ready: find(named).alive() > 0 };
      } catch (error) {
        if (error instanceof ServiceError) return { ready: false };
        throw error;
      }
    }),
    ServerMetadata: unary(() => serverMetadataOf(service.version, options.modelControl)),
    ModelMetadata: unary((named: Named) => metadataOf(find(named), models.versions(named.name))),
    ModelConfig: unary((named: Named) => ({ config: configOf(find(named), options.streamIdleTimeoutS) })),
    ModelStatistics: unary(({ name, version }: Named) => {
      const all = name === '' ? models.all() : models.versions(name).map(known => models.get(name, known));
      return { model_stats: all.filter(model => version === '' || model.version === version).map(statisticsOf) };
    }),
    ModelInfer: unary(infer),
    ModelStreamInfer: streamHandler(service, options, infer),
    RepositoryIndex: unary(async ({ ready }: { ready: boolean }) => {
      const entries = (await control.index()).map(({ model: name, ...entry }) => ({ name, ...entry }));
      return { models: ready ? entries.filter(({ state }) => state === 'READY') : entries };
    }),
    RepositoryModelLoad: unary(change('load')),
    RepositoryModelUnload: unary(change('unload')),
  };
}

function unaryHandler<T>(
  service: Service,
  answer: (message: T, call: Call) => unknown,
): handleUnaryCall<unknown, unknown> {
  return (call, done) => {
    const work = async () => answer(call.request as T, call);
    work().then(
      reply => {
        if (Buffer.isBuffer(reply)) shareOf(call.metadata)?.sent(reply.length);
        done(null, reply);
      },
      error => done(grpcError(refused(service, error, call))),
    );
  };
}

/** Requests run as they come and are answered in their order; an error is the answer to its own request only. */
function streamHandler(
  service: Service,
  options: GrpcOptions,
  infer: (message: Message, call: Call, onGone: OnGone) => Promise<Buffer>,
): handleBidiStreamingCall<Message, unknown> {
  return call => {
    let waiting = 0;
    let last = Promise.resolve();
    const share = shareOf(call.metadata);
    const holder = quotaHolderOf(call.metadata);
    const takeOne = async () => holder && service.quota.take(holder);
    /** Of the requests under way: a stream may outlive many of them. */
    const acts = new Set<() => void>();
    call.once('cancelled', () => {
      for (const act of acts) act();
    });
    call.on('data', (message: Message) => {
      if (++waiting >= options.liveWaiting) call.pause();
      const mine: (() => void)[] = []; // one that waits for its turn in a sequence has two
      const onGone: OnGone = act => {
        mine.push(act);
        acts.add(act);
      };
      const answer = takeOne()
        .then(() => infer(message, call, onGone))
        .finally(() => {
          for (const act of mine) acts.delete(act);
        })
        .then(
          reply => ({ told: streamBytes(reply), bytes: reply.length }),
          error => ({
            told: {
              error_message: refused(service, error, call).message,
              infer_response: { id: message.id, model_name: message.model_name },
            },
            bytes: 0,
          }),
        );
      last = last.then(async () => {
        const { told, bytes } = await answer;
        share?.sent(bytes);
        const more = call.write(told);
        if (!more && !call.cancelled)
          await new Promise<void>(resolve => call.once('drain', resolve).once('close', resolve));
        share?.done(bytes);
        if (--waiting < options.liveWaiting && call.isPaused()) call.resume();
      });
    });
    call.on('error', () => {}); // its caller has gone, which every step under way is told
    call.on('end', () => void last.then(() => call.end()));
  };
}

/** The error that is told, counted and logged like those of every skin. */
function refused(service: Service, error: unknown, call: Call): ServiceError {
  const told = known(error);
  service.metrics.refusals.inc({ code: told.code });
  logFault(service.log, told, { method: call.getPath(), traceId: traceIdIn(call.metadata.get('traceparent')[0]) });
  return told;
}

/** The caller of one call, or of one request of a stream, which brings `onGone`. */
function callerOf(
  call: Call,
  { requestTimeoutMs, maxRequestTimeoutMs }: GrpcOptions,
  askedMs?: number,
  onGone?: OnGone,
): Caller {
  const leftMs = Number(call.getDeadline()) - Date.now(); // Infinity where the caller set none
  // A stream's deadline is that of all its requests together, so it says nothing of one of them.
  const ownMs = onGone || leftMs === Infinity ? requestTimeoutMs : leftMs;
  const timeoutMs = Math.max(1, Math.ceil(Math.min(askedMs ?? ownMs, maxRequestTimeoutMs, leftMs)));
  return { timeoutMs, gone: () => call.cancelled, onGone: onGone ?? (act => call.once('cancelled', act)) };
}
