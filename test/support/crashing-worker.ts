// The real worker thread, but a run whose feeds hold the number CRASH ends the thread in the middle of it.
import ort from 'onnxruntime-node';
import { CRASH } from './runner/crash.ts';

const create = ort.InferenceSession.create as (...args: unknown[]) => Promise<ort.InferenceSession>;
(ort.InferenceSession as { create: unknown }).create = async (...args: unknown[]) => {
  const session = await create(...args);
  const run = session.run.bind(session) as (...args: unknown[]) => Promise<ort.InferenceSession.OnnxValueMapType>;
  session.run = (feeds: ort.InferenceSession.FeedsType, ...rest: unknown[]) => {
    if ((feeds.x.data as Float32Array).includes(CRASH)) process.exit(1);
    return run(feeds, ...rest);
  };
  return session;
};
await import('../../src/runtime/worker.ts');
