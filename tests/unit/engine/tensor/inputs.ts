import type { FloatType } from '../../../../src-main/engine/tensor/element-type'
import type { TensorInputs } from '../../../../src-main/engine/tensor/tensor-inputs'

/** A tensor of every model in memory; the files are named model-0, model-1, …. */
export function inputsOf(models: readonly { type: FloatType; bytes: Uint8Array }[], count: number): TensorInputs {
  return {
    name: 'the.weight',
    count,
    types: models.map(({ type }) => type),
    sources: models.map((_, model) => `model-${model}`),
    read(model, start, into) {
      const { bytes } = models[model]!
      const first = (start * bytes.byteLength) / count
      into.set(bytes.subarray(first, first + into.byteLength))
    },
  }
}

/** The same of float32 values. */
export function floatInputs(models: readonly Float32Array[]): TensorInputs {
  return inputsOf(
    models.map((values) => ({
      type: 'F32',
      bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
    })),
    models[0]!.length,
  )
}

/** Repeatable numbers in [−1, 1). */
export function noise(count: number, seed: number): Float32Array {
  let state = (seed * 2_654_435_761 + 1) >>> 0
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 31 - 1
  })
}
