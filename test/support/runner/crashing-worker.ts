// The real worker thread, but a run whose feeds hold the number CRASH ends the thread in the middle of it.
import type { Tensors } from '../../../src/core/tensor.ts';
import { NativeSession } from '../../../src/runtime/native.ts';
import { CRASH } from './crash.ts';

const run = NativeSession.prototype.run;
NativeSession.prototype.run = function (this: NativeSession, feeds: Tensors, fetches: readonly string[]) {
  if ((feeds.x?.data as Float32Array | undefined)?.includes(CRASH)) process.exit(1);
  return run.call(this, feeds, fetches);
};
await import('../../../src/runtime/worker.ts');
