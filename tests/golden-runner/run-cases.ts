import { FusionError } from '../../src-main/contract/errors'
import type { GoldenCase, GoldenOutput, GoldenSet } from './golden-set'

/** What an op made of a case. A case without a comparison (no outputs and no failures) must be skipped, by name. */
export type OpResult =
  | {
      /** Every output of the case, row-major. */
      outputs: Record<string, ArrayLike<number | bigint>>
      /** 'float32' compares with `tolerance.float32` where the case carries one. */
      arithmetic: 'float32' | 'float64'
      /** What the op found wrong by itself, besides the outputs. */
      failures?: string[]
    }
  /** For ops that compare by themselves; an empty list is a pass. */
  | { failures: string[] }
  | { skipped: string }

export type OpRunner = (goldenCase: GoldenCase, set: GoldenSet) => Promise<OpResult>

export type Outcome =
  { status: 'passed' } | { status: 'failed'; failures: string[] } | { status: 'skipped'; reason: string }

/**
 * Runs one case. An op that is not registered, or that refuses a setting as 'unsupported', is skipped; any other error
 * fails the case.
 */
export async function runCase(
  goldenCase: GoldenCase,
  set: GoldenSet,
  ops: Readonly<Record<string, OpRunner>>,
): Promise<Outcome> {
  const op = Object.hasOwn(ops, goldenCase.op) ? ops[goldenCase.op] : undefined
  if (!op) return { status: 'skipped', reason: `no runner for the op ${goldenCase.op}` }
  try {
    const result = await op(goldenCase, set)
    if ('skipped' in result) return { status: 'skipped', reason: result.skipped }
    const failures = [...(result.failures ?? []), ...('outputs' in result ? compareOutputs(goldenCase, result) : [])]
    return failures.length ? { status: 'failed', failures } : { status: 'passed' }
  } catch (error) {
    if (error instanceof FusionError && error.kind === 'unsupported') {
      return { status: 'skipped', reason: error.message }
    }
    return { status: 'failed', failures: [error instanceof Error ? (error.stack ?? error.message) : String(error)] }
  }
}

function compareOutputs(goldenCase: GoldenCase, result: Extract<OpResult, { outputs: unknown }>): string[] {
  const goldens = Object.entries(goldenCase.outputs)
  if (goldens.length === 0) return ['the case has no outputs to compare']
  return goldens.flatMap(([name, golden]) => {
    const values = result.outputs[name]
    const problem = values ? compare(values, golden, result.arithmetic) : 'not computed'
    return problem === undefined ? [] : [`${name}: ${problem}`]
  })
}

/** What is wrong with `values`, or undefined. Without a tolerance every element must be equal. */
export function compare(
  values: ArrayLike<number | bigint>,
  golden: GoldenOutput,
  arithmetic: 'float32' | 'float64',
): string | undefined {
  const expected = golden.values()
  if (values.length !== expected.length) return `${values.length} values, ${expected.length} expected`
  const { tolerance } = golden
  const { atol, rtol } = (arithmetic === 'float32' ? tolerance?.float32 : undefined) ??
    tolerance ?? { atol: 0, rtol: 0 }
  let worst = 0
  let worstIndex = -1
  let wrong = 0
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(Number(values[i]) - expected[i]!)
    const allowed = atol + rtol * Math.abs(expected[i]!)
    if (error <= allowed || Object.is(Number(values[i]), expected[i])) continue
    wrong++
    const excess = Number.isNaN(error) || allowed === 0 ? Infinity : error / allowed
    if (worstIndex < 0 || excess > worst) {
      worst = excess
      worstIndex = i
    }
  }
  if (wrong === 0) return undefined
  const [got, want] = [Number(values[worstIndex]), expected[worstIndex]!]
  const allowed = atol + rtol * Math.abs(want)
  const error = Math.abs(got - want)
  return (
    `${wrong} of ${expected.length} values off; worst at ${worstIndex}: ${got} instead of ${want}, ` +
    `error ${error.toExponential(2)}, allowed ${allowed.toExponential(2)}`
  )
}
