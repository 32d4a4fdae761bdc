import type { LayerInput } from '../architecture/network-graph'
import type { Tensor } from '../runtime/session'

/** The inputs of a layer in one run of its network, as columns X of method.md, 'Notation'. */
export interface LayerPositions {
  /** Number of columns: rows of a linear layer's input, places of a convolution's window. */
  count: number
  /** Writes column `index` [d]: for a convolution its patch in the order of the weight, channels · kernel · kernel. */
  copy(index: number, into: Float32Array): void
}

/** The columns in a layer's input, with zeros where a window reaches beyond the image. */
export function positionsOf({ window }: LayerInput, { data, dims }: Tensor): LayerPositions {
  const values = data as Float32Array
  if (!window) {
    const [count, width] = dims as [number, number]
    return { count, copy: (index, into) => into.set(values.subarray(index * width, (index + 1) * width)) }
  }
  const [batch, channels, height, width] = dims as [number, number, number, number]
  const { kernel, stride, pads } = window
  const [top, left, bottom, right] = pads as [number, number, number, number]
  const down = Math.floor((height + top + bottom - kernel) / stride) + 1
  const across = Math.floor((width + left + right - kernel) / stride) + 1
  return {
    count: batch * down * across,
    copy(index, into) {
      const image = Math.floor(index / (down * across)) * channels * height * width
      const firstRow = (Math.floor(index / across) % down) * stride - top
      const firstColumn = (index % across) * stride - left
      let at = 0
      for (let channel = 0; channel < channels; channel++)
        for (let row = firstRow; row < firstRow + kernel; row++)
          for (let column = firstColumn; column < firstColumn + kernel; column++) {
            const inside = row >= 0 && row < height && column >= 0 && column < width
            into[at++] = inside ? values[image + (channel * height + row) * width + column]! : 0
          }
    },
  }
}
