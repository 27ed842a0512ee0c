// The forms of the messages that come in, as the protocol buffers are read: 64-bit numbers as text, oneofs by name.

export interface Parameter {
  readonly parameter_choice?:
    | 'bool_param'
    | 'int64_param'
    | 'string_param'
    | 'double_param'
    | 'uint64_param'
    | 'bytes_param';
  readonly [choice: string]: unknown;
}
export interface Contents {
  readonly bool_contents: readonly boolean[];
  readonly int_contents: readonly number[];
  readonly int64_contents: readonly string[];
  readonly uint_contents: readonly number[];
  readonly uint64_contents: readonly string[];
  readonly fp32_contents: readonly number[];
  readonly fp64_contents: readonly number[];
  readonly bytes_contents: readonly Uint8Array[];
}

/** ModelInferRequest. */
export interface Message {
  readonly model_name: string;
  readonly model_version: string;
  readonly id: string;
  readonly parameters: Readonly<Record<string, Parameter>>;
  readonly inputs: readonly {
    readonly name: string;
    readonly datatype: string;
    readonly shape: readonly string[];
    readonly contents: Contents | null;
  }[];
  readonly outputs: readonly { readonly name: string }[];
  readonly raw_input_contents: readonly Uint8Array[];
}

/** What names a model; all other requests are of this form or empty. */
export interface Named {
  readonly name: string;
  readonly version: string;
}
export interface RepositoryMessage {
  readonly model_name: string;
  readonly parameters: Readonly<Record<string, Parameter>>;
}
