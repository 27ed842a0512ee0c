// What onnxruntime says when it refuses a graph or a run, as one line without the paths and C++ of its own build.
// Texts of onnxruntime 1.30.
import path from 'node:path';
import { firstLine } from '../core/errors.ts';

/** @param graphFile the graph's path, which people know by its name. */
export function runtimeReason(message: string, graphFile: string): string {
  let text = firstLine(message).replaceAll(graphFile, path.basename(graphFile));
  const opening = /^Load model from (\S+) failed:\s*/.exec(text);
  text = text.slice(opening?.[0].length ?? 0).replace(/^Exception during initialization: /, '');
  text = text.replace(
    /^Non-zero status code returned while running (\S+) node\. Name:'([^']*)' Status Message: /,
    (_, operator, name) => (name === '' ? `${operator}: ` : `${operator} "${name}": `),
  );
  text = text.replace(/^This is an invalid model\. In Node, \("([^"]*)", (\w+), .*?\) , Error /, '$2 "$1": ');
  text = withoutPlace(text.replace(/^(\w+) "": /, '$1: ')).trim();
  return opening ? `${opening[1]}: ${text}` : text;
}

/** Where in the runtime's own source it was said: a file with its line, and the function that stands there. */
function withoutPlace(text: string): string {
  const place = /(^|\s)\/\S*\.(cc|h|cpp|hpp|cu|cuh):\d+ /.exec(text);
  if (!place) return text;
  const before = text.slice(0, place.index) + place[1];
  const after = text.slice(place.index + place[0].length);
  return before + withoutPlace(after.slice(signatureLength(after)));
}

/** How long the C++ function at the beginning of a text is: up to the bracket that closes its parameters. */
function signatureLength(text: string): number {
  if (!/^[\w:<>,&*~ [\]()]*?::[\w~<>:]+\(/.test(text)) return 0;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(') depth++;
    if (text[i] === ')' && --depth === 0) {
      const rest = /^\)( const)?( \[with [^\]]*\])?:?\s*/.exec(text.slice(i));
      return i + (rest?.[0].length ?? 1);
    }
  }
  return 0;
}
