// What may be written to a terminal: colours where it has them, and names that cannot steer it.
import { styleText } from 'node:util';

/** A name out of a file, without control characters: what a graph says must not move the cursor. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, c => `\\u{${(c.codePointAt(0) as number).toString(16)}}`);
}

export type Style = Parameters<typeof styleText>[0];

/** Styles text if the stream is a terminal with colours (NO_COLOR is heard). */
export function styled(stream: NodeJS.WriteStream, style: Style, text: string): string {
  return stream.isTTY && stream.hasColors() ? styleText(style, text, { validateStream: false }) : text;
}

/** A whole number with its thousands set apart. */
export function grouped(value: number): string {
  return value.toLocaleString('en-GB');
}
