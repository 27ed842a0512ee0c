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
        node: repeated('NodeProto', 7),
        domain: { type: 'string', id: 10 },
      },
    },
    GraphProto: {
      fields: {
        node: repeated('NodeProto', 1),
        initializer: repeated('TensorProto', 5),
        input: repeated('ValueInfoProto', 11),
        output: repeated('ValueInfoProto', 12),
      },
    },
    NodeProto: {
      fields: {
        output: { rule: 'repeated', type: 'string', id: 2 },
        opType: { type: 'string', id: 4 },
        attribute: repeated('AttributeProto', 5),
        domain: { type: 'string', id: 7 },
      },
    },
    AttributeProto: {
      fields: {
        name: { type: 'string', id: 1 },
        i: { type: 'int64', id: 3 },
        t: { type: 'TensorProto', id: 5 },
        g: { type: 'GraphProto', id: 6 },
        tensors: repeated('TensorProto', 10),
        graphs: repeated('GraphProto', 11),
      },
    },
    TensorProto: {
      fields: {
        dims: repeated('int64', 1),
        dataType: { type: 'int32', id: 2 },
        floatData: repeated('float', 4),
        int32Data: repeated('int32', 5),
        name: { type: 'string', id: 8 },
        rawData: { type: 'bytes', id: 9 },
        doubleData: repeated('double', 10),
        externalData: repeated('StringEntry', 13),
        dataLocation: { type: 'int32', id: 14 },
      },
    },
    StringEntry: { fields: { key: { type: 'string', id: 1 }, value: { type: 'string', id: 2 } } },
    ValueInfoProto: { fields: { name: { type: 'string', id: 1 }, type: { type: 'TypeProto', id: 2 } } },
    TypeProto: { fields: { tensorType: { type: 'TensorType', id: 1 } } },
    TensorType: { fields: { elemType: { type: 'int32', id: 1 }, shape: { type: 'Shape', id: 2 } } },
    Shape: { fields: { dim: repeated('Dim', 1) } },
    Dim: { fields: { dimValue: { type: 'int64', id: 1 }, dimParam: { type: 'string', id: 2 } } },
  },
});

export interface TensorProto {
  name: string;
  dims: number[];
  dataType: number;
  floatData: number[];
  int32Data: number[];
  doubleData: number[];
  rawData: Uint8Array;
  externalData: { key: string; value: string }[];
  dataLocation: number;
}
export interface ValueInfoProto {
  name: string;
  type?: { tensorType?: { elemType: number; shape?: { dim: { dimValue: number; dimParam: string }[] } } };
}
export interface NodeProto {
  output: string[];
  opType: string;
  domain: string;
  attribute: {
    name: string;
    i: number | { toNumber(): number };
    t?: TensorProto;
    g?: GraphProto;
    tensors: TensorProto[];
    graphs: GraphProto[];
  }[];
}
export interface GraphProto {
  node: NodeProto[];
  initializer: TensorProto[];
  input: ValueInfoProto[];
  output: ValueInfoProto[];
}
export interface ModelProto {
  producerName: string;
  producerVersion: string;
  graph?: GraphProto;
  opsetImport: { domain: string; version: number | { toNumber(): number } }[];
  metadataProps: { key: string; value: string }[];
  functions: { name: string; domain: string; node: NodeProto[] }[];
}

/** Decodes a ModelProto; byte fields are views of `bytes`. @throws if the bytes are no protobuf of this shape. */
export function decodeModel(bytes: Uint8Array): ModelProto {
  return root.lookupType('ModelProto').decode(bytes) as unknown as ModelProto;
}
