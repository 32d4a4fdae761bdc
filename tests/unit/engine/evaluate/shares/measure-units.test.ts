import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import type { ErrorReport } from '../../../../../src-main/contract/errors'
import { projectSchema } from '../../../../../src-main/contract/document/project'
import { measureRows, usedDomains } from '../../../../../src-main/engine/evaluate/compare/compare-methods'
import { EvaluationRun, type EvaluatedRow } from '../../../../../src-main/engine/evaluate/evaluation-run'
import { ResultLines } from '../../../../../src-main/engine/evaluate/measured/result-lines'
import { measureUnits, missingUnits } from '../../../../../src-main/engine/evaluate/shares/measure-units'
import { unitsOf } from '../../../../../src-main/engine/evaluate/shares/units'
import { chooseDevice } from '../../../../../src-main/engine/runtime/providers'
import { copyEvaluation, family } from '../../../demo-family'
import { CLIP_VOCABULARY, temporaryFolder } from '../../merge/models'

const [specialist, another] = family.specialists
const device = await chooseDevice('cpu')
const runs: EvaluationRun[] = []
afterEach(async () => {
  for (const run of runs.splice(0)) await run.release()
})

const rows: EvaluatedRow[] = [
  { name: family.base.name, role: 'base', path: family.base.path, merge: null },
  {
    ...{ name: 'NuSLERP', role: 'merge', path: null },
    // It needs two specialists.
    merge: projectSchema.parse({
      ...{ format: 'featurefusion-project', version: 1, models: [family.base, specialist] },
      method: { name: 'nuslerp' },
    }),
  },
]

it('a row that cannot be made is gathered as what one run says, and measured again by a share that is done again', async () => {
  const folder = copyEvaluation(temporaryFolder(), [specialist!.name, another!.name])
  const data = { folder, split: 'held-out', pictures: 1, seed: 0 } as const
  const open = async (results?: ResultLines): Promise<EvaluationRun> => {
    const tools = { base: family.base.path, data, device, cacheFolder: temporaryFolder() }
    const run = await EvaluationRun.open({ ...tools, clipVocabulary: CLIP_VOCABULARY, results })
    runs.push(run)
    return run
  }
  const failuresOf = async (measure: (onFailed: (name: string, error: ErrorReport) => void) => Promise<unknown>) => {
    const failures: [string, string][] = []
    await measure((name, { message }) => failures.push([name, message]))
    return failures
  }
  const onRun = (run: EvaluationRun) => failuresOf((onFailed) => measureRows(run, rows, { onFailed }))
  const expected = await onRun(await open())
  expect(expected).toEqual([['NuSLERP', expect.stringMatching(/specialists/)]])

  const results = temporaryFolder()
  const share = async (index: number) => {
    const run = await open(await ResultLines.open(results, `${index}-of-2`))
    const [used, units] = [usedDomains(run, rows), unitsOf(run, rows, usedDomains(run, rows), 0)]
    const own = units.filter((_, at) => at % 2 === index - 1)
    return failuresOf((onFailed) => measureUnits({ run, used, scored: null }, own, { onFailed }))
  }
  const gathered = async () => {
    const run = await open(await ResultLines.open(results, 'rest', true))
    const used = usedDomains(run, rows)
    const missing = await missingUnits({ run, used, scored: null }, unitsOf(run, rows, used, 0))
    return { run, missing: missing.map(({ name }) => name) }
  }
  expect(await share(1)).toEqual(expected)
  expect((await gathered()).missing).toEqual([`${family.base.name} on ${another!.name}`, `NuSLERP on ${another!.name}`])
  expect(await share(2)).toEqual(expected)
  const { run, missing } = await gathered()
  expect(missing).toEqual([])
  expect(await onRun(run)).toEqual(expected)

  const lines = (): string => readFileSync(join(results, '1-of-2.jsonl'), 'utf8')
  const before = lines()
  expect(await share(1)).toEqual(expected)
  expect(lines()).toBe(before)
}, 60_000)
