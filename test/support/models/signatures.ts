// The signatures that the tests of sequences share.
import { bindSignature } from '../../../src/model/bind.ts';
import type { Signature } from '../../../src/model/signature.ts';
import { graphOf, HEAD_OUTPUTS, info, manifestOf, numericSignature } from './models.ts';

export const THREE = numericSignature([{ name: 'u' }, { name: 'v' }, { name: 'w' }], { minimum: 2, maximum: 4 });
export const RULED = numericSignature([
  { name: 'rain', unit: 'mm', minimum: 0, maximum: 1000 },
  { name: 'depth', maximum: 5 },
  { name: 'count', integer: true, minimum: 1 },
  { name: 'weather', categories: ['fog', 'rain', 'sun'] },
]);
export const NAMED = numericSignature([{ name: 'constructor' }, { name: 'toString' }, { name: 'a/b~c' }]);
export const EIGHT = numericSignature(Array.from({ length: 8 }, (_, i) => ({ name: `f${i}` })));
export const FIXED = numericSignature([{ name: 'u' }], { minimum: 3, maximum: 3 });
export const IDS = idSignature('int64');
export const WORDS = wordSignature();
export const SEVERAL = bindSignature(
  manifestOf({
    inputs: [
      { name: 'a', tensor: 'x', kind: 'numeric', features: [{ name: 'u' }] },
      { name: 'to~/ids', tensor: 'i', kind: 'index', size: 4 },
    ],
  }),
  graphOf([info('x', 'float32', ['n', 't', 1]), info('i', 'int32', ['n', 's'])], HEAD_OUTPUTS),
);

export function idSignature(dtype: 'int32' | 'int64'): Signature {
  const inputs = [{ name: 'items', tensor: 'i', kind: 'index', size: 20, time: { minimum: 1, maximum: 8 } }];
  return bindSignature(manifestOf({ inputs }), graphOf([info('i', dtype, ['n', 't'])], HEAD_OUTPUTS));
}

export function wordSignature(): Signature {
  const inputs = [{ name: 'words', tensor: 'w', kind: 'token', time: { minimum: 1, maximum: 8 } }];
  return bindSignature(manifestOf({ inputs }), graphOf([info('w', 'string', ['n', 't'])], HEAD_OUTPUTS));
}
