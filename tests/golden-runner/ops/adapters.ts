import { join } from 'node:path'
import { openAdapter, type Adapter } from '../../../src-main/engine/adapters/adapter-file'
import { applyAdapter } from '../../../src-main/engine/adapters/apply-adapter'
import { parseFactorName } from '../../../src-main/engine/adapters/factor-names'
import type { StrengthRule } from '../../../src-main/engine/adapter-forms/settings'
import { TensorReader } from '../../../src-main/engine/checkpoint/containers/tensor-reader'
import type { Checkpoint, ComponentName } from '../../../src-main/engine/checkpoint/model/checkpoint'
import { openCheckpoint } from '../../../src-main/engine/checkpoint/open'
import type { GoldenCase, GoldenSet } from '../golden-set'
import { compare, type OpRunner } from '../run-cases'

interface Use {
  adapter: string
  multiplier: number
  /** The module's name in the file; null where it does not change this module. */
  key?: string | null
}

/**
 * Weights as adapters change them. A case names its adapter (or several, applied in order); one that names none holds for
 * every file of its set.
 */
const loraMerge: OpRunner = async (goldenCase, set) => {
  const { params } = goldenCase
  const several = params['adapters'] as Use[] | undefined
  const named = params['adapter'] as string | undefined
  const names = named === undefined ? Object.keys(set.manifest.models) : [named]
  const multiplier = Number(params['multiplier'])
  const alternatives = several ? [several] : names.map((adapter) => [{ adapter, multiplier }])
  const failures: string[] = []
  for (const uses of alternatives) failures.push(...(await compareChanged(goldenCase, set, uses)))
  return { failures }
}

async function compareChanged(goldenCase: GoldenCase, set: GoldenSet, uses: readonly Use[]): Promise<string[]> {
  const { params, outputs } = goldenCase
  let checkpoint = await openCheckpoint(basePath(goldenCase, set, uses[0]!))
  const failures: string[] = []
  for (const use of uses) {
    const adapter = await openAdapter(set.modelPath(use.adapter))
    if (!adapter) return [`${use.adapter} is not taken for an adapter`]
    if (uses.length === 1) failures.push(...compareModule(adapter, params))
    const { multiplier } = use
    checkpoint = applyAdapter(adapter, checkpoint, { unet: multiplier, textEncoder: multiplier }, ruleOf(params))
  }
  const reader = new TensorReader(checkpoint.files)
  for (const [name, golden] of Object.entries(outputs)) {
    const values = readTensor(checkpoint, params, name, reader)
    const problem = values ? compare(values, golden, 'float64') : 'there is no such tensor'
    if (problem !== undefined) failures.push(`${uses.map(({ adapter }) => adapter).join('+')} ${name}: ${problem}`)
  }
  reader.close()
  return failures
}

function basePath({ params }: GoldenCase, set: GoldenSet, { adapter }: Use): string {
  const base = set.manifest.models[adapter]?.['base'] ?? `../${String(params['base'] ?? 'sd1')}/pipeline`
  return join(set.folder, String(base))
}

/** 'any' holds at multiplier 1; the rotations' goldens follow LyCORIS, whose rescaling stays whole. */
function ruleOf({ form, multiplier_rule: rule }: Record<string, unknown>): StrengthRule {
  if (rule === 'lycoris' || rule === 'peft') return rule
  return form === 'oft' || form === 'boft' ? 'lycoris' : 'interpolate'
}

/** Whether rank, alpha and scale of a module are found as the case says. */
function compareModule({ modules }: Adapter, params: Record<string, unknown>): string[] {
  if (params['key'] === undefined) return []
  const key = String(params['key'])
  // A key of diffusers' older files ends in a word for the layer (`to_q_lora`), which is no part of the module's name.
  const names = [key, parseFactorName(`${key}.up.weight`)?.module]
  const module = modules.find(({ name }) => names.includes(name))
  if (!module) return [`there is no module named ${key}`]
  const { rank, scale, constraint } = module
  const found: Record<string, number | null> = { rank, scale, constraint: constraint ?? 0 }
  return ['rank', 'scale', 'constraint'].flatMap((name) => {
    const expected = params[name]
    if (expected === undefined || found[name] === expected) return []
    return [`${name} is ${String(found[name])} instead of ${String(expected)}`]
  })
}

function readTensor(
  { components }: Checkpoint,
  { part, module }: Record<string, unknown>,
  kind: string,
  reader: TensorReader,
): Float32Array | undefined {
  const view = components.get(part as ComponentName)?.tensors.get(`${String(module)}.${kind}`)
  if (!view) return undefined
  const bytes = new Uint8Array(view.stored.byteLength)
  reader.read(view.stored, 0, bytes)
  return new Float32Array(bytes.buffer)
}

export const adapterOps = { lora_merge: loraMerge } satisfies Record<string, OpRunner>
