// Who may call: keys and their roles, asked for before a message is read. Health and reflection are open, as HTTP's probes are.
import * as grpc from '@grpc/grpc-js';
import { ServiceError } from '../core/errors.ts';
import { notFor } from '../http/auth.ts';
import { keyFinder, type Role } from '../http/keys.ts';
import { known, STATUS } from './errors.ts';

const CONTROL = /\/RepositoryModel(Load|Unload)$/;

/** Guards the methods of one service; `told` hears of each refusal. */
export function guarding(
  service: string,
  keys: readonly string[],
  told: (error: ServiceError) => void,
): grpc.ServerInterceptor {
  const find = keyFinder(keys);
  const check = (metadata: grpc.Metadata, role: Role) => {
    const [header = ''] = metadata.get('authorization');
    const key = find(`${header}`.replace(/^Bearer /i, ''));
    if (key?.roles.includes(role)) return;
    if (key) throw notFor(role);
    throw new ServiceError('UNAUTHENTICATED', 'send a valid API key as metadata "authorization: Bearer <key>"');
  };
  return ({ path }, call) => {
    const open = keys.length === 0 || !path.startsWith(`/${service}/`);
    const role = CONTROL.test(path) ? 'control' : 'predict';
    return new grpc.ServerInterceptingCall(call, {
      start: begin =>
        begin({
          onReceiveMetadata: (metadata, go) => {
            try {
              if (!open) check(metadata, role);
            } catch (error) {
              const refusal = known(error);
              told(refusal);
              call.sendStatus({ code: STATUS[refusal.code], details: refusal.message });
              return;
            }
            go(metadata);
          },
        }),
    });
  };
}
