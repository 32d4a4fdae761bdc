import protobuf from 'protobufjs'
import type { ElementType } from '../tensor/element-type'

/** The part of onnx.proto (onnx 1.16, IR version 10) that our graphs use; field numbers are the format's. */
const { root } = protobuf.parse(
  `
  syntax = "proto3";
  package onnx;
  message AttributeProto {
    string name = 1;
    float f = 2;
    int64 i = 3;
    bytes s = 4;
    repeated float floats = 7;
    repeated int64 ints = 8;
    repeated bytes strings = 9;
    int32 type = 20;
  }
  message ValueInfoProto { string name = 1; TypeProto type = 2; }
  message NodeProto {
    repeated string input = 1;
    repeated string output = 2;
    string name = 3;
    string op_type = 4;
    repeated AttributeProto attribute = 5;
    string domain = 7;
  }
  message ModelProto {
    int64 ir_version = 1;
    string producer_name = 2;
    GraphProto graph = 7;
    repeated OperatorSetIdProto opset_import = 8;
  }
  message OperatorSetIdProto { string domain = 1; int64 version = 2; }
  message StringStringEntryProto { string key = 1; string value = 2; }
  message GraphProto {
    repeated NodeProto node = 1;
    string name = 2;
    repeated TensorProto initializer = 5;
    repeated ValueInfoProto input = 11;
    repeated ValueInfoProto output = 12;
  }
  message TensorProto {
    repeated int64 dims = 1;
    int32 data_type = 2;
    string name = 8;
    bytes raw_data = 9;
    repeated StringStringEntryProto external_data = 13;
    int32 data_location = 14;
  }
  message TensorShapeProto {
    message Dimension { int64 dim_value = 1; string dim_param = 2; }
    repeated Dimension dim = 1;
  }
  message TypeProto {
    message Tensor { int32 elem_type = 1; TensorShapeProto shape = 2; }
    Tensor tensor_type = 1;
  }
`,
  { keepCase: true },
)

/** TensorProto.DataType of every element type of safetensors. */
export const ONNX_DATA_TYPE: Record<ElementType, number> = {
  F32: 1,
  U8: 2,
  I8: 3,
  U16: 4,
  I16: 5,
  I32: 6,
  I64: 7,
  BOOL: 9,
  F16: 10,
  F64: 11,
  U32: 12,
  U64: 13,
  BF16: 16,
  F8_E4M3: 17,
  F8_E5M2: 19,
}

/** AttributeProto.AttributeType */
export const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, floats: 6, ints: 7, strings: 8 } as const

/** TensorProto.DataLocation.EXTERNAL */
export const EXTERNAL_DATA_LOCATION = 1

export interface AttributeProto {
  name: string
  type: number
  f?: number
  i?: number
  s?: Uint8Array
  floats?: readonly number[]
  ints?: readonly number[]
  strings?: readonly Uint8Array[]
}

export interface NodeProto {
  input: string[]
  output: string[]
  name: string
  op_type: string
  domain: string
  attribute: AttributeProto[]
}

export interface TensorProto {
  name: string
  dims: readonly number[]
  data_type: number
  raw_data?: Uint8Array
  external_data?: { key: string; value: string }[]
  data_location?: number
}

export interface ValueInfoProto {
  name: string
  /** Outputs may leave it to the runtime. */
  type?: { tensor_type: { elem_type: number; shape: { dim: ({ dim_value: number } | { dim_param: string })[] } } }
}

export interface ModelProto {
  ir_version: number
  producer_name: string
  opset_import: { domain: string; version: number }[]
  graph: {
    name: string
    node: NodeProto[]
    initializer: TensorProto[]
    input: ValueInfoProto[]
    output: ValueInfoProto[]
  }
}

const modelType = root.lookupType('onnx.ModelProto')

/** The bytes of an .onnx file. */
export function encodeModel(model: ModelProto): Uint8Array {
  return modelType.encode(model).finish()
}
