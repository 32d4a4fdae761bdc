import type { TensorView } from '../checkpoint/model/checkpoint'

/** Embeddings are tables: a product of matrices is no form that programs have for them. */
const EMBEDDING = /(?:^|\.)(?:token|position)_embedding\.weight$/

/** Whether a tensor is the weight of a layer whose change a LoRA can hold: a matrix or a convolution. */
export function isLoraLayer({ name, shape }: Pick<TensorView, 'name' | 'shape'>): boolean {
  return name.endsWith('.weight') && (shape.length === 2 || shape.length === 4) && !EMBEDDING.test(name)
}

/** Whether a tensor is a bias or the weight of a norm: LyCORIS' files can hold its whole change. */
export function isVector({ name, shape }: Pick<TensorView, 'name' | 'shape'>): boolean {
  return shape.length === 1 && /\.(?:weight|bias)$/.test(name)
}

/** Whether a layer is a convolution with a kernel of more than one position. */
export function hasKernel(shape: readonly number[]): boolean {
  return shape.slice(2).some((size) => size > 1)
}
