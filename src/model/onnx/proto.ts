// The part of onnx.proto that the server reads; unknown fields are skipped by the decoder.
// Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
import protobuf from 'protobufjs/light.js';

const repeated = (type: string, id: number) => ({ rule: 'repeated', type, id });

const root = protobuf.Root.fromJSON({
  nested: {
    ModelProto: {
      fields: {
        producerName: { type: 'string', id: 2 },
        producerVersion: { type: 'string', id: 3 },
        graph: { type: 'GraphProto', id: 7 },
        opsetImport: repeated('OperatorSetId', 8),
        metadataProps: repeated('StringEntry', 14),
        functions: repeated('FunctionProto', 25),
      },
    },
    OperatorSetId: { fields: { domain: { type: 'string', id: 1 }, version: { type: 'int64', id: 2 } } },
    FunctionProto: {
      fields: {
        name: { type: 'string', id: 1 },
        input: { rule: 'repeated', type: 'string', id: 4 },
        output: { rule: 'repeated', type: 'string', id: 5 },
        node: repeated('NodeProto', 7),
        domain: { type: 'string', id: 10 },
      },
    },
    GraphProto: {
      fields: {
        node: repeated('NodeProto', 1),
        initializer: repeated('TensorProto', 5),
        sparseInitializer: repeated('SparseTensorProto', 15),
        input: repeated('ValueInfoProto', 11),
        output: repeated('ValueInfoProto', 12),
      },
    },
    NodeProto: {
      fields: {
        input: { rule: 'repeated', type: 'string', id: 1 },
        output: { rule: 'repeated', type: 'string', id: 2 },
        name: { type: 'string', id: 3 },
        opType: { type: 'string', id: 4 },
        attribute: repeated('AttributeProto', 5),
        domain: { type: 'string', id: 7 },
      },
    },
    AttributeProto: {
      fields: {
        name: { type: 'string', id: 1 },
        f: { type: 'float', id: 2 },
        i: { type: 'int64', id: 3 },
        s: { type: 'bytes', id: 4 },
        t: { type: 'TensorProto', id: 5 },
        g: { type: 'GraphProto', id: 6 },
        floats: repeated('float', 7),
        ints: repeated('int64', 8),
        strings: repeated('bytes', 9),
        tensors: repeated('TensorProto', 10),
        graphs: repeated('GraphProto', 11),
        type: { type: 'int32', id: 20 },
        sparseTensor: { type: 'SparseTensorProto', id: 22 },
      },
    },
    TensorProto: {
      fields: {
        dims: repeated('int64', 1),
        dataType: { type: 'int32', id: 2 },
        floatData: repeated('float', 4),
        int32Data: repeated('int32', 5),
        stringData: repeated('bytes', 6),
        int64Data: repeated('int64', 7),
        name: { type: 'string', id: 8 },
        rawData: { type: 'bytes', id: 9 },
        doubleData: repeated('double', 10),
        externalData: repeated('StringEntry', 13),
        dataLocation: { type: 'int32', id: 14 },
      },
    },
    SparseTensorProto: { fields: { values: { type: 'TensorProto', id: 1 }, indices: { type: 'TensorProto', id: 2 } } },
    StringEntry: { fields: { key: { type: 'string', id: 1 }, value: { type: 'string', id: 2 } } },
    ValueInfoProto: { fields: { name: { type: 'string', id: 1 }, type: { type: 'TypeProto', id: 2 } } },
    TypeProto: {
      fields: {
        tensorType: { type: 'TensorType', id: 1 },
        sequenceType: { type: 'bytes', id: 4 },
        mapType: { type: 'bytes', id: 5 },
        sparseTensorType: { type: 'bytes', id: 8 },
        optionalType: { type: 'bytes', id: 9 },
      },
    },
    TensorType: { fields: { elemType: { type: 'int32', id: 1 }, shape: { type: 'Shape', id: 2 } } },
    Shape: { fields: { dim: repeated('Dim', 1) } },
    Dim: { fields: { dimValue: { type: 'int64', id: 1 }, dimParam: { type: 'string', id: 2 } } },
  },
});

/** A 64-bit number: protobufjs gives an object where it does not fit. */
export type Long = number | { toNumber(): number };

export interface SparseTensorProto {
  values?: TensorProto;
  indices?: TensorProto;
}

export interface TensorProto {
  name: string;
  dims: number[];
  dataType: number;
  floatData: number[];
  int32Data: number[];
  stringData: Uint8Array[];
  int64Data: Long[];
  doubleData: number[];
  rawData: Uint8Array;
  externalData: { key: string; value: string }[];
  dataLocation: number;
}
/** What is no tensor is only known to be there. */
export interface TypeProto {
  tensorType?: { elemType: number; shape?: { dim: { dimValue: number; dimParam: string }[] } };
  sequenceType?: Uint8Array;
  mapType?: Uint8Array;
  sparseTensorType?: Uint8Array;
  optionalType?: Uint8Array;
}
export interface ValueInfoProto {
  name: string;
  type?: TypeProto;
}
export interface AttributeProto {
  name: string;
  type: number;
  f: number;
  i: Long;
  s: Uint8Array;
  t?: TensorProto;
  g?: GraphProto;
  floats: number[];
  ints: Long[];
  strings: Uint8Array[];
  tensors: TensorProto[];
  graphs: GraphProto[];
  sparseTensor?: SparseTensorProto;
}
export interface NodeProto {
  name: string;
  input: string[];
  output: string[];
  opType: string;
  domain: string;
  attribute: AttributeProto[];
}
export interface FunctionProto {
  name: string;
  domain: string;
  input: string[];
  output: string[];
  node: NodeProto[];
}
export interface GraphProto {
  node: NodeProto[];
  initializer: TensorProto[];
  sparseInitializer: SparseTensorProto[];
  input: ValueInfoProto[];
  output: ValueInfoProto[];
}
export interface ModelProto {
  producerName: string;
  producerVersion: string;
  graph?: GraphProto;
  opsetImport: { domain: string; version: Long }[];
  metadataProps: { key: string; value: string }[];
  functions: FunctionProto[];
}

/** Decodes a ModelProto; byte fields are views of `bytes`. @throws if the bytes are no protobuf of this shape. */
export function decodeModel(bytes: Uint8Array): ModelProto {
  return root.lookupType('ModelProto').decode(bytes) as unknown as ModelProto;
}
