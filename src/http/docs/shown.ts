// The API document as Swagger UI shows it: real replies as examples, errors in one line, and a way to the page. What is at
// /openapi.json stays complete, and the same on every machine; replies differ in their last digits.
import type { OpenAPIV3_1 } from 'openapi-types';
import type { Tensors } from '../../core/tensor.ts';
import { collate } from '../../sequence/collate.ts';
import { plainValues } from '../../sequence/nested.ts';
import { patient } from '../../service/caller.ts';
import type { Model } from '../../service/model.ts';
import type { Service } from '../../service/service.ts';
import type { Models } from '../../service/shelves.ts';
import { encodePredictions } from '../codec/predictions.ts';
import { DATATYPES } from '../codec/tensors.ts';

type Operation = OpenAPIV3_1.OperationObject;
type Paths = Record<string, Record<string, Operation>>;
const REPLY_TIMEOUT_MS = 2000;

/** What each model answers to its own example; found out when the document is first shown, and then kept. */
export class RealReplies {
  readonly #service: Service;
  readonly #known = new WeakMap<Model, unknown>();

  constructor(service: Service) {
    this.#service = service;
  }

  of(model: Model): unknown {
    return this.#known.get(model);
  }

  /** Asks the models that have not been asked. One that cannot answer now is left for the next time. */
  async find(): Promise<void> {
    const models = this.#service.models.all().filter(model => !this.#known.has(model));
    await Promise.allSettled(
      models.map(async model => {
        const { name, version, example } = model;
        const { sequences } = example;
        const target = { model: name, version };
        const answer = await this.#service.predict(target, { sequences }, patient(REPLY_TIMEOUT_MS));
        this.#known.set(model, JSON.parse(encodePredictions(answer, undefined)));
      }),
    );
  }
}

/** Changes the document, which must be a copy. */
export function asShown(
  document: OpenAPIV3_1.Document,
  loaded: Pick<Models, 'all' | 'get'>,
  replies: RealReplies,
): OpenAPIV3_1.Document {
  const models = loaded.all();
  const paths = document.paths as Paths;
  for (const item of Object.values(paths)) for (const operation of Object.values(item)) foldErrors(operation);
  for (const model of models) {
    const base = `/v1/models/${model.name}`;
    const versioned = `${base}/versions/${model.version}/predict`;
    for (const path of loaded.get(model.name) === model ? [`${base}/predict`, versioned] : [versioned]) {
      const { post } = paths[path] ?? {};
      if (!post) continue;
      setExample(post.responses?.[200], replies.of(model));
      post.externalDocs = { url: `/#/${model.name}/${model.version}`, description: `${model.name} on the page` };
    }
  }
  const [first] = models;
  if (first) exemplifyGeneric(paths, first, replies);
  return document;
}

/** All errors of an operation as one line. */
function foldErrors(operation: Operation): void {
  const { responses = {} } = operation;
  const errors = Object.keys(responses).filter(status => Number(status) >= 400);
  if (errors.length === 0) return;
  for (const status of errors) delete responses[status];
  responses.default = {
    description: `Errors (${errors.join(', ')}): \`detail\` says what is wrong, \`code\` is for programs.`,
  };
}

function setExample(response: OpenAPIV3_1.ResponseObject | OpenAPIV3_1.ReferenceObject | undefined, example: unknown) {
  const content = response && 'content' in response ? response.content?.['application/json'] : undefined;
  if (content && example !== undefined) content.example = example;
}

/** Bodies and replies of the operations that name the model in their path. */
function exemplifyGeneric(paths: Paths, model: Model, replies: RealReplies): void {
  for (const [path, { post }] of Object.entries(paths)) {
    if (/^\/v1\/models\/\{model\}.*\/predict$/.test(path)) setExample(post?.responses?.[200], replies.of(model));
    const body =
      post?.requestBody && 'content' in post.requestBody ? post.requestBody.content['application/json'] : undefined;
    if (body && /^\/v2\/models\/\{model\}.*\/infer$/.test(path)) body.example = inferBody(model);
    if (body && /^\/v1\/models\/\{model\}.*\/explain$/.test(path)) {
      body.example = { sequences: model.example.sequences.slice(0, 1), method: 'occlusion' };
    }
  }
}

/** The model's first example as tensors of the v2 protocol; state begins as zeros when it is left out. */
function inferBody({ signature, parse, example }: Model): object {
  const feeds: Tensors = collate(signature, [parse(example.sequences[0], ['sequences', 0])]);
  const states = new Set([
    ...signature.state.map(({ input }) => input.name),
    ...signature.controls.map(({ tensor }) => tensor.name),
  ]);
  const inputs = Object.entries(feeds).filter(([name]) => !states.has(name));
  return {
    inputs: inputs.map(([name, { dtype, dims, data }]) => ({
      name,
      shape: dims,
      datatype: DATATYPES[dtype],
      data: plainValues(dtype, data).map(value => (typeof value === 'bigint' ? Number(value) : rounded(value))),
    })),
  };
}

/** As short as the example wrote it: float32 holds 7 digits. */
function rounded(value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(7)) : value;
}
