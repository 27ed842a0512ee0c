// Protocol Buffers in their text form, as far as configurations are written in it: fields to lists of values, with no schema.
// The language: protobuf.dev/reference/protobuf/textformat-spec
import { LoadError } from '../core/errors.ts';
import { own } from '../core/own.ts';

/** A message: every field with its values in order. Numbers, enums, booleans and texts are told as text. */
export interface TextMessage {
  readonly [field: string]: readonly (string | TextMessage)[];
}

const TOKEN = /\s+|#[^\n]*|"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*'|[A-Za-z0-9_.+-]+|[{}<>[\]:,;]/y;
const DEEPEST = 32;
const CLOSING: Record<string, string> = { '{': '}', '<': '>' };
const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t' };

/** @throws {LoadError} with the line of what cannot be read. */
export function parseTextProto(text: string, file: string): TextMessage {
  return new Reader(text, file).message(undefined, 0);
}

/** The messages among a field's values. */
export function messagesOf(message: TextMessage | undefined, field: string): TextMessage[] {
  return valuesOf(message, field).filter(value => typeof value === 'object');
}

/** The texts among a field's values. */
export function textsOf(message: TextMessage | undefined, field: string): string[] {
  return valuesOf(message, field).filter(value => typeof value === 'string');
}

function valuesOf(message: TextMessage | undefined, field: string): readonly (string | TextMessage)[] {
  return own(message, field) ?? [];
}

class Reader {
  readonly #text: string;
  readonly #file: string;
  #at = 0;
  /** The token that is to be read, undefined at the end. */
  #token: string | undefined;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
    this.#next();
  }

  message(end: string | undefined, depth: number): TextMessage {
    if (depth > DEEPEST) this.#fault('is nested too deeply');
    const fields: Record<string, (string | TextMessage)[]> = Object.create(null);
    while (this.#token !== end) {
      const name = this.#token;
      if (name === undefined || !/^[A-Za-z_]/.test(name)) this.#fault(`expected a field, found ${this.#shown()}`);
      this.#next();
      const separated = this.#take(':');
      const values = this.#values(separated, depth);
      fields[name] = [...(fields[name] ?? []), ...values];
      if (!this.#take(',')) this.#take(';');
    }
    this.#next();
    return fields;
  }

  #values(separated: boolean, depth: number): (string | TextMessage)[] {
    if (!this.#take('[')) return [this.#value(separated, depth)];
    const values: (string | TextMessage)[] = [];
    while (!this.#take(']')) {
      values.push(this.#value(true, depth));
      if (!this.#take(',') && this.#token !== ']') this.#fault(`expected , or ], found ${this.#shown()}`);
    }
    return values;
  }

  #value(scalar: boolean, depth: number): string | TextMessage {
    const token = this.#token;
    const closing = CLOSING[token ?? ''];
    if (closing !== undefined) {
      this.#next();
      return this.message(closing, depth + 1);
    }
    if (!scalar || token === undefined || !/^["'\w.+-]/.test(token))
      this.#fault(`expected a value, found ${this.#shown()}`);
    this.#next();
    if (!/^["']/.test(token)) return token;
    let text = unquoted(token);
    while (this.#token !== undefined && /^["']/.test(this.#token)) {
      text += unquoted(this.#token); // adjacent texts are one
      this.#next();
    }
    return text;
  }

  #take(token: string): boolean {
    if (this.#token !== token) return false;
    this.#next();
    return true;
  }

  #next(): void {
    this.#token = undefined;
    while (this.#token === undefined && this.#at < this.#text.length) {
      TOKEN.lastIndex = this.#at;
      const found = TOKEN.exec(this.#text)?.[0];
      if (found === undefined) this.#fault(`has a character that is out of place: ${this.#text[this.#at]}`);
      this.#at += found.length;
      if (!/^[\s#]/.test(found)) this.#token = found;
    }
  }

  #shown(): string {
    return this.#token === undefined ? 'the end' : this.#token.slice(0, 40);
  }

  #fault(what: string): never {
    const line = this.#text.slice(0, this.#at).split('\n').length;
    throw new LoadError(this.#file, `: line ${line} ${what}`);
  }
}

function unquoted(token: string): string {
  return token.slice(1, -1).replace(/\\(.)/g, (_, letter: string) => ESCAPES[letter] ?? letter);
}
