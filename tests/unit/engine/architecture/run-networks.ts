import { expect } from 'vitest'
import type { BuiltNetwork } from '../../../../src-main/engine/architecture/network-graph'
import { TorchGenerator } from '../../../../src-main/engine/random'
import { Network } from '../../../../src-main/engine/runtime/network'
import type { Tensor } from '../../../../src-main/engine/runtime/session'

/** Normal numbers. */
export const noise = (seed: number, ...dims: number[]): Tensor => ({
  data: new TorchGenerator(seed).randn(dims.reduce((product, size) => product * size, 1)),
  dims,
})

/** Runs a network once. @param weights for one that takes them as inputs */
export async function run(
  built: BuiltNetwork,
  feeds: Record<string, Tensor>,
  weights = {},
): Promise<Record<string, Tensor>> {
  const network = await Network.open(built, { provider: 'cpu' })
  network.setWeights(weights)
  const results = await network.run(feeds)
  await network.release()
  return results
}

/** Largest difference of all outputs, relative to the largest value of each. */
export function difference(a: Record<string, Tensor>, b: Record<string, Tensor>): number {
  expect(Object.keys(a)).toEqual(Object.keys(b))
  return Math.max(
    ...Object.entries(a).map(([name, { data, dims }]) => {
      expect(dims).toEqual(b[name]!.dims)
      const [x, y] = [[...(data as Float32Array)], b[name]!.data as Float32Array]
      const peak = Math.max(...x.map(Math.abs))
      return Math.max(...x.map((value, i) => Math.abs(value - y[i]!))) / peak
    }),
  )
}
