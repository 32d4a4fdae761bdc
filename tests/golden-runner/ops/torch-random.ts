import { TorchGenerator, type RandomType } from '../../../src-main/engine/random'
import { elementCount } from '../../../src-main/engine/tensor/element-type'
import type { GoldenCase } from '../golden-set'
import type { OpResult, OpRunner } from '../run-cases'

interface RandnParams {
  seed: number
  size: number[]
  dtype?: RandomType
  stream?: number[][]
  position?: number
  sum: number
  sum_of_squares: number
}

async function mt19937({ params, outputs }: GoldenCase): Promise<OpResult> {
  const words = new TorchGenerator(params['seed'] as number).words(elementCount(outputs['words']!.shape))
  return { outputs: { words }, arithmetic: 'float64' }
}

async function rand({ params }: GoldenCase): Promise<OpResult> {
  const values = new TorchGenerator(params['seed'] as number).rand(elementCount(params['size'] as number[]))
  return { outputs: { values }, arithmetic: 'float64' }
}

async function randn({ params, outputs }: GoldenCase): Promise<OpResult> {
  const { seed, size, dtype, stream = [], position = 0, ...sums } = params as unknown as RandnParams
  const generator = new TorchGenerator(seed)
  for (const earlier of stream.slice(0, position)) generator.randn(elementCount(earlier), dtype ?? 'float32')
  const values = generator.randn(elementCount(size), dtype ?? 'float32')
  // Of a large draw the golden has both ends and two sums over everything.
  const limit = (outputs['values'] ?? outputs['first'])!.tolerance!.atol * values.length
  const failures = [
    ...near(
      'sum',
      sumOf(values, (x) => x),
      sums.sum,
      limit,
    ),
    ...near(
      'sum of squares',
      sumOf(values, (x) => x * x),
      sums.sum_of_squares,
      limit,
    ),
  ]
  return {
    outputs: { values, first: values.slice(0, 64), last: values.slice(-64) },
    arithmetic: 'float64',
    failures,
  }
}

function sumOf(values: Iterable<number>, of: (x: number) => number): number {
  let sum = 0
  for (const x of values) sum += of(x)
  return sum
}

function near(name: string, value: number, golden: number, limit: number): string[] {
  return Math.abs(value - golden) <= limit ? [] : [`${name} ${value} instead of ${golden}`]
}

export const torchRandomOps: Record<string, OpRunner> = { mt19937, rand, randn }
