import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describedMethod } from '../../../src-main/contract/methods/index'
import { METHOD_NAMES, methodSchema, projectSchema, type MethodName } from '../../../src-main/contract/document/project'
import type { TensorView } from '../../../src-main/engine/checkpoint/model/checkpoint'
import { openCheckpoint } from '../../../src-main/engine/checkpoint/open'
import { TensorReader } from '../../../src-main/engine/checkpoint/containers/tensor-reader'
import type { LayerReport } from '../../../src-main/engine/merge/fusion/layer-report'
import { planMerge } from '../../../src-main/engine/merge/open-model'
import { runMerge } from '../../../src-main/engine/merge/run'
import { decodeTensor, type GoldenCase, type GoldenSet } from '../golden-set'
import type { OpRunner } from '../run-cases'

/** Tolerance per tensor (golden/README.md, 'checkpoints'). */
const RTOL = 1e-4
const ATOL_PER_PEAK = 1e-5
/** Sums over a row in float32, in the same units: how far a report may be from the golden's float64. */
const REPORT_RTOL = 1e-4
/** Names of the goldens for methods of the program. */
const METHOD_OF_GOLDEN: Readonly<Record<string, MethodName>> = {
  ...Object.fromEntries(METHOD_NAMES.map((name) => [name.replaceAll('-', '_'), name])),
  feature_fusion: 'featurefusion',
}

/** The parameters of a method that a case gives. */
function givenParameters(name: MethodName, params: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const keys = describedMethod(name).parameters.map(({ key }) => key)
  return Object.fromEntries(keys.flatMap((key) => (params[key] == null ? [] : [[key, params[key]]])))
}

/** What a golden says of a layer, by its weight's name. */
interface GoldenLayer {
  min_z: number
  max_kappa: number
  mean_kappa: number
  norm_ratio: number
  fallback_rows: number
}

/** Merges the case's models as the program does and compares every tensor, and the layers' reports. */
const checkpointMerge: OpRunner = async (goldenCase, set) => {
  const { params } = goldenCase
  const name = METHOD_OF_GOLDEN[String(params['method'])]
  if (!name) return { skipped: `method ${String(params['method'])}` }
  const method = methodSchema.parse({
    name,
    ...givenParameters(name, params),
    ...(params['threshold_value'] !== undefined && { threshold: params['threshold_value'] }),
  })
  const project = projectSchema.parse({
    format: 'featurefusion-project',
    version: 1,
    models: modelsOf(goldenCase, set),
    method,
  })
  const folder = mkdtempSync(join(tmpdir(), 'featurefusion-golden-'))
  try {
    const { path, layers } = await runMerge(await planMerge(project), { path: join(folder, 'merged') })
    const goldens = (params['layers'] ?? {}) as Record<string, GoldenLayer>
    return {
      failures: [
        ...(await compareTensors(path, set.modelPath(String(params['output_model'])), goldens)),
        ...compareReports(layers, goldens),
      ],
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The case's models with their weights, base first. */
function modelsOf({ params }: GoldenCase, set: GoldenSet): { name: string; path: string; weight: number }[] {
  const names = params['models'] as string[]
  const alpha = (params['alpha'] ?? params['weights']) as number[] | undefined
  const models = names.map((name, index) => ({ name, path: set.modelPath(name), weight: alpha?.[index] ?? 1 }))
  const base = models.findIndex(({ name }) => name === (params['base'] ?? names[0]))
  return [...models.splice(base, 1), ...models]
}

async function compareTensors(
  path: string,
  goldenPath: string,
  layers: Readonly<Record<string, GoldenLayer>>,
): Promise<string[]> {
  const [merged, golden] = [await openCheckpoint(path), await openCheckpoint(goldenPath)]
  const reader = new TensorReader()
  const failures: string[] = []
  for (const [name, component] of golden.components) {
    for (const [tensor, view] of component.tensors) {
      const own = merged.components.get(name)?.tensors.get(tensor)
      const problem = own ? difference(read(reader, own), read(reader, view), kappaOf(layers, tensor)) : 'not written'
      if (problem !== undefined) failures.push(`${tensor}: ${problem}`)
    }
  }
  reader.close()
  return failures
}

/** κ of the layer that a weight or bias belongs to; 1 for all else. */
function kappaOf(layers: Readonly<Record<string, GoldenLayer>>, tensor: string): number {
  return Math.max(1, layers[tensor.replace(/bias$/, 'weight')]?.max_kappa ?? 1)
}

function read(reader: TensorReader, { stored, start, shape }: TensorView): Float64Array {
  const whole = new Uint8Array(stored.byteLength)
  reader.read(stored, 0, whole)
  const count = shape.reduce((product, size) => product * size, 1)
  return decodeTensor(stored.elementType, whole).subarray(start, start + count)
}

function difference(values: Float64Array, golden: Float64Array, kappa: number): string | undefined {
  if (values.length !== golden.length) return `${values.length} values, ${golden.length} expected`
  const atol = ATOL_PER_PEAK * kappa * golden.reduce((peak, value) => Math.max(peak, Math.abs(value)), 0)
  const wrong = golden.findIndex((want, i) => !(Math.abs(values[i]! - want) <= atol + RTOL * Math.abs(want)))
  return wrong < 0 ? undefined : `${values[wrong]} instead of ${golden[wrong]} at ${wrong}, atol ${atol}`
}

function compareReports(reports: readonly LayerReport[], goldens: Readonly<Record<string, GoldenLayer>>): string[] {
  return Object.entries(goldens).flatMap(([name, golden]) => {
    const report = reports.find(({ layer }) => layer === name)
    if (!report) return [`${name}: no report`]
    const { minZ, maxKappa, meanKappa, normRatio, deadRows, rowsWithoutWeight } = report
    // A row's error grows with how much its terms cancel.
    const rtol = REPORT_RTOL * Math.max(1, golden.max_kappa)
    const pairs: [string, number, number][] = [
      ['min_z', minZ, golden.min_z],
      ['max_kappa', maxKappa, golden.max_kappa],
      ['mean_kappa', meanKappa, golden.mean_kappa],
      ['norm_ratio', normRatio, golden.norm_ratio],
    ]
    const wrong = pairs.filter(([, got, want]) => !(Math.abs(got - want) <= rtol * Math.max(1, Math.abs(want))))
    return [
      ...wrong.map(([key, got, want]) => `${name}: ${key} ${got} instead of ${want}`),
      ...(deadRows + rowsWithoutWeight === golden.fallback_rows
        ? []
        : [`${name}: ${deadRows + rowsWithoutWeight} fallback rows instead of ${golden.fallback_rows}`]),
    ]
  })
}

export const checkpointMergeOps = { checkpoint_merge: checkpointMerge } satisfies Record<string, OpRunner>
