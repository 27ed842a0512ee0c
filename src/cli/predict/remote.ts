// Answers by a server: sequences that wait go together in a request, several requests at once, tried again where that helps.
import { connect, type Description, type Detail, type Model, Problem } from '../../../client/src/client.ts';
import { LoadError } from '../../core/errors.ts';
import type { Asked, Item } from './answer-all.ts';

const MOST_SEQUENCES = 64;
const REQUESTS_AT_ONCE = 4;
/** A server may restart meanwhile. */
const TIMEOUT_MS = 300_000;
const RETRIES = 100;

interface Waiting {
  readonly item: Item;
  resolve(prediction: string): void;
  reject(error: unknown): void;
}

export class Remote {
  /** Sequences that may be under way at once. */
  readonly most: number;
  readonly description: Description;
  readonly #model: Model;
  readonly #waiting: Waiting[] = [];
  readonly #batch: number;
  #requests = 0;
  #scheduled = false;

  private constructor(model: Model) {
    this.#model = model;
    this.description = model.description;
    this.#batch = Math.min(MOST_SEQUENCES, model.description.limits.sequencesPerRequest);
    this.most = this.#batch * REQUESTS_AT_ONCE;
  }

  /** @throws {LoadError} */
  static async open(url: string, name: string, version: string | undefined, apiKey?: string): Promise<Remote> {
    const options = { apiKey, timeoutMs: TIMEOUT_MS, retries: RETRIES, transport: 'json' } as const;
    const quick = connect(url, { ...options, retries: 2 });
    const { description } = await quick.model(name, { version }).catch(told);
    // One version from the first answer to the last.
    return new Remote(await connect(url, options).model(name, { version: version ?? description.version }));
  }

  /** A request's answer as the server gives it. @throws {LoadError} */
  async predict(sequences: readonly unknown[], { heads, probabilities }: Asked): Promise<string> {
    return JSON.stringify(await this.#model.predict(sequences, { heads, probabilities }).catch(told));
  }

  answer(item: Item, asked: Asked): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#send(asked);
      });
    });
  }

  #send(asked: Asked): void {
    while (this.#waiting.length > 0 && this.#requests < REQUESTS_AT_ONCE) {
      this.#requests++;
      void this.#ask(this.#waiting.splice(0, this.#batch), asked).finally(() => {
        this.#requests--;
        this.#send(asked);
      });
    }
  }

  async #ask(waiting: readonly Waiting[], asked: Asked): Promise<void> {
    try {
      const { predictions } = await this.#model.predict(
        waiting.map(({ item }) => item.value),
        { heads: asked.heads, probabilities: asked.probabilities as Detail | undefined },
      );
      waiting.forEach(({ resolve }, i) => {
        resolve(JSON.stringify(predictions[i]));
      });
    } catch (error) {
      const fault = error instanceof Problem && error.status >= 400 && error.status < 500;
      // One of them is at fault: the others shall be answered.
      if (fault && waiting.length > 1) for (const one of waiting) await this.#ask([one], asked);
      else for (const { reject } of waiting) reject(reasonOf(error));
    }
  }
}

/** As it is said of one sequence. */
function reasonOf(error: unknown): unknown {
  return error instanceof Problem ? new LoadError(error.message.replace('sequences[0]', 'sequence')) : error;
}

function told(error: unknown): never {
  throw reasonOf(error);
}
