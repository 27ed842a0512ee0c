// Who may call, and how often: keys, their roles and the quota, asked for before a message is read. Health and reflection are
// open, as HTTP's probes are.
import * as grpc from '@grpc/grpc-js';
import { ServiceError } from '../core/errors.ts';
import { notFor } from '../http/auth.ts';
import { type ApiKey, keyFinder, type Role } from '../http/keys.ts';
import type { Quota, QuotaHolder } from '../service/quota.ts';
import { known, STATUS } from './errors.ts';

const CONTROL = /\/RepositoryModel(Load|Unload)$/;

export interface GuardOptions {
  /** The service whose methods are guarded. */
  readonly service: string;
  readonly apiKeys: readonly string[];
  readonly quota: Quota;
}

const holders = new WeakMap<grpc.Metadata, QuotaHolder>();

/** Whose quota every request of a stream counts into, by the call's metadata, which grpc-js hands on. */
export function quotaHolderOf(metadata: grpc.Metadata): QuotaHolder | undefined {
  return holders.get(metadata);
}

/** `told` hears of each refusal. */
export function guarding(
  { service, apiKeys, quota }: GuardOptions,
  told: (error: ServiceError) => void,
): grpc.ServerInterceptor {
  const find = keyFinder(apiKeys);
  const check = (metadata: grpc.Metadata, role: Role): ApiKey | undefined => {
    if (apiKeys.length === 0) return undefined;
    const [header = ''] = metadata.get('authorization');
    const key = find(`${header}`.replace(/^Bearer /i, ''));
    if (key?.roles.includes(role)) return key;
    if (key) throw notFor(role);
    throw new ServiceError('UNAUTHENTICATED', 'send a valid API key as metadata "authorization: Bearer <key>"');
  };
  return ({ path, requestStream }, call) => {
    const open = !path.startsWith(`/${service}/`);
    const role = CONTROL.test(path) ? 'control' : 'predict';
    const admit = async (metadata: grpc.Metadata) => {
      if (open) return;
      const holder = { apiKey: check(metadata, role), ip: call.getConnectionInfo().remoteAddress ?? '' };
      if (requestStream) holders.set(metadata, holder);
      else await quota.take(holder);
    };
    return new grpc.ServerInterceptingCall(call, {
      start: begin =>
        begin({
          onReceiveMetadata: (metadata, go) => {
            admit(metadata).then(
              () => go(metadata),
              error => {
                const refusal = known(error);
                told(refusal);
                call.sendStatus({ code: STATUS[refusal.code], details: refusal.message });
              },
            );
          },
        }),
    });
  };
}
