// What the runtime says when CUDA fails, a thousand characters of C++, as the one fact that an operator can act on.
import { firstLine } from '../core/errors.ts';

/** What to look for, and what it means, the most telling first. Sources: texts of onnxruntime 1.30. */
const SIGNS: readonly [RegExp, (match: RegExpMatchArray) => string][] = [
  [/(lib[\w.+-]+\.so[\w.]*): cannot open shared object file/, ([, library]) => `${library} is missing`],
  [/CUDA failure (\d+): ([^;\n]+?) *;/, ([, code, what]) => `CUDA failure ${code}: ${what}`],
  [/CUDNN failure (\d+): ([^;\n]+?) *;/, ([, code, what]) => `cuDNN failure ${code}: ${what}`],
  [/(cuDNN is (?:unavailable|disabled)[^.\n]*)/i, ([, what]) => what],
  [
    /Failed to load shared library/,
    () => 'a library of CUDA or cuDNN is missing (see ldd of the CUDA provider library)',
  ],
];

/** One readable line. */
export function cudaFault(message: string): string {
  for (const [sign, told] of SIGNS) {
    const match = message.match(sign);
    if (match) return `CUDA cannot be used: ${told(match)}`;
  }
  return firstLine(message);
}
