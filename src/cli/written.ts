// A manifest, or a part of one, as it is being written: what has its default value is left out.
export type Written = Record<string, unknown>;
