// From a thread to a session in it that may serve: opened, and admitted by what it answers.
import path from 'node:path';
import { firstLine, LoadError, messageOf } from '../core/errors.ts';
import type { SessionOptions } from './messages.ts';
import type { Run } from './runner.ts';
import type { Place, Tenant, Thread } from './thread.ts';

/** What a session must do before it serves; what it throws refuses it. */
export type Admit = (run: Run) => Promise<void>;

/** @throws {LoadError} the runtime's own reason, or how the thread ended. @throws {Error} what `admit` throws. */
export async function openAdmitted(
  thread: Thread,
  session: SessionOptions,
  tenant: Tenant,
  admit?: Admit,
): Promise<Place> {
  const refusal = (reason: string) => {
    const line = firstLine(reason).replaceAll(session.graphFile, path.basename(session.graphFile));
    return new LoadError(`the runtime refuses the graph: ${line}`);
  };
  const place = await thread.open(session, tenant).catch(error => {
    throw refusal(messageOf(error));
  });
  try {
    await admit?.(async (feeds, fetches) => (await place.run(feeds, fetches)).outputs);
  } catch (error) {
    await place.close();
    throw place.lost === undefined ? error : refusal(place.lost); // that the thread ended tells more
  }
  if (place.lost !== undefined) throw refusal(place.lost);
  return place;
}
