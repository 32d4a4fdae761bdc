/** Element types of safetensors files, by the format's own names. */
export const BYTES_PER_ELEMENT = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const

export type ElementType = keyof typeof BYTES_PER_ELEMENT

/** Element types that a merge computes with; all others are copied from the base. */
export type FloatType = 'F64' | 'F32' | 'F16' | 'BF16' | 'F8_E4M3' | 'F8_E5M2'

/** The difference between 1 and the next number of a type. */
export const PRECISION: Readonly<Record<FloatType, number>> = {
  F64: 2 ** -52,
  F32: 2 ** -23,
  F16: 2 ** -10,
  BF16: 2 ** -7,
  F8_E4M3: 2 ** -3,
  F8_E5M2: 2 ** -2,
}

/** Whether tensors of this type hold real numbers, so that a merge may average them. */
export function isFloatType(type: ElementType): type is FloatType {
  return type.startsWith('F') || type === 'BF16'
}

/** Number of elements of a shape; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** Elements from the first to the last of a tensor with strides, both of them included. */
export function spanOf(shape: readonly number[], strides: readonly number[]): number {
  if (elementCount(shape) === 0) return 0
  return 1 + shape.reduce((sum, length, axis) => sum + (length - 1) * (strides[axis] as number), 0)
}
