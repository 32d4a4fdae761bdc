import { resolve } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { FusionError } from '../../../src-main/contract/errors'
import { GoldenSet, findGoldenFolders, type GoldenCase } from '../../golden-runner/golden-set'
import { OPS } from '../../golden-runner/ops/index'
import { compare, runCase, type OpRunner } from '../../golden-runner/run-cases'

const set = await GoldenSet.open(resolve('tests/golden/torch-random'))
afterAll(() => set.close())

const caseOf = (id: string): GoldenCase => set.cases.find((candidate) => candidate.id === id)!

/** The case with one value of one golden changed. */
function tampered(goldenCase: GoldenCase, output: string, change: (value: number) => number): GoldenCase {
  const golden = goldenCase.outputs[output]!
  const values = (): Float64Array => golden.values().map((value, i) => (i === 3 ? change(value) : value))
  return { ...goldenCase, outputs: { ...goldenCase.outputs, [output]: { ...golden, values } } }
}

describe('the golden runner', () => {
  it('finds every set of the reference data', () => {
    expect(findGoldenFolders('tests/golden')).toContain(set.folder)
  })

  it('passes a case, and fails it once its golden is changed', async () => {
    const exact = caseOf('mt19937-42')
    expect(await runCase(exact, set, OPS)).toEqual({ status: 'passed' })
    expect(
      await runCase(
        tampered(exact, 'words', (x) => x + 1),
        set,
        OPS,
      ),
    ).toMatchObject({ status: 'failed' })
    const close = caseOf('randn-42-16')
    expect(await runCase(close, set, OPS)).toEqual({ status: 'passed' })
    expect(
      await runCase(
        tampered(close, 'values', (x) => x + 1e-7),
        set,
        OPS,
      ),
    ).toEqual({ status: 'passed' })
    expect(
      await runCase(
        tampered(close, 'values', (x) => x + 1e-4),
        set,
        OPS,
      ),
    ).toMatchObject({ status: 'failed' })
  })

  it('skips what it cannot compute and never passes it', async () => {
    const goldenCase = caseOf('rand-42')
    const run = (op: OpRunner) => runCase(goldenCase, set, { rand: op })
    expect(await runCase({ ...goldenCase, op: 'unknown' }, set, OPS)).toMatchObject({ status: 'skipped' })
    expect(await runCase({ ...goldenCase, op: 'toString' }, set, OPS)).toMatchObject({ status: 'skipped' })
    expect(await run(async () => ({ skipped: 'not yet' }))).toEqual({ status: 'skipped', reason: 'not yet' })
    const unsupported: OpRunner = () => Promise.reject(new FusionError('unsupported', 'no such setting'))
    expect(await run(unsupported)).toEqual({ status: 'skipped', reason: 'no such setting' })
  })

  it('fails what breaks, what is missing and what has another size', async () => {
    const goldenCase = caseOf('rand-42')
    const run = (op: OpRunner) => runCase(goldenCase, set, { rand: op })
    expect(await run(() => Promise.reject(new Error('broken')))).toMatchObject({ status: 'failed' })
    expect(await run(async () => ({ outputs: {}, arithmetic: 'float32' }))).toMatchObject({ status: 'failed' })
    const short: OpRunner = async () => ({ outputs: { values: [1] }, arithmetic: 'float32' })
    expect(await run(short)).toMatchObject({ status: 'failed' })
    expect(await run(async () => ({ failures: ['wrong'] }))).toMatchObject({ status: 'failed' })
  })

  it('holds NaN for wrong and grants float32 its own tolerance only where the work was done in float32', () => {
    const tolerance = { atol: 1e-9, rtol: 0, float32: { atol: 1e-3, rtol: 0 } }
    const golden = { dtype: 'F64' as const, shape: [2], values: () => Float64Array.of(1, 2), tolerance }
    expect(compare([1, 2.0001], golden, 'float32')).toBeUndefined()
    expect(compare([1, 2.0001], golden, 'float64')).toContain('1 of 2')
    expect(compare([NaN, 2], golden, 'float32')).toContain('worst at 0')
  })
})
