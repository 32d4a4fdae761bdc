import { FusionError } from '../../contract/errors'
import type { AdapterStrengths } from '../../contract/document/project'
import { magnitudeMisfit } from '../adapter-forms/additive'
import type { AdapterForm } from '../adapter-forms/form'
import type { FormSettings, StrengthRule } from '../adapter-forms/settings'
import { full } from '../adapter-forms/full'
import { scalesBias } from '../adapter-forms/ia3'
import { weightShape } from '../adapter-forms/matrices'
import { computedTensor } from '../checkpoint/containers/derived/computed-tensor'
import type { StoredTensor } from '../checkpoint/containers/container'
import type { Incompatibility } from '../checkpoint/compare'
import { isMarker } from '../checkpoint/model/extras'
import type { Checkpoint, ComponentName, Problem, TensorView } from '../checkpoint/model/checkpoint'
import { isFloatType } from '../tensor/element-type'
import { unknownAlpha, type Adapter, type AdapterModule } from './adapter-file'
import { ModuleNames, type FoundModule, type ModulePlace } from './module-names'

/** A tensor of the base and how one module of an adapter changes it. */
interface Change {
  component: ComponentName
  view: TensorView
  form: AdapterForm
  factors: Readonly<Record<string, StoredTensor>>
  module: AdapterModule
}

/** How many names a message shows. */
const NAMES_SHOWN = 5

/**
 * The model that an adapter makes of a base. Tensors that it changes are computed when they are read, as float32; all
 * others are the base's own.
 *
 * @param rule what strengths other than 0 and 1 mean where the adapter's form leaves it open
 * @throws FusionError 'incompatible' with the names of all modules that the base lacks or whose factors do not fit
 */
export function applyAdapter(
  adapter: Adapter,
  base: Checkpoint,
  strengths: AdapterStrengths,
  rule: StrengthRule = 'interpolate',
): Checkpoint {
  const { changes, absent } = changesOf(adapter, base)
  const components = new Map(base.components)
  for (const change of changes) {
    const { component: name, view } = change
    const multiplier = name === 'unet' ? strengths.unet : strengths.textEncoder
    // By LyCORIS' and PEFT's rules a strength of 0 still changes something.
    if (multiplier === 0 && rule === 'interpolate') continue
    const own = base.components.get(name)!
    const changed = components.get(name)!
    const component = changed === own ? { ...own, tensors: new Map(own.tensors) } : changed
    component.tensors.set(view.name, computedView(adapter, change, multiplier, rule))
    components.set(name, component)
  }
  return {
    ...base,
    path: adapter.path,
    adapted: { base, strengths },
    files: adapter.files,
    metadata: adapter.metadata,
    components,
    extras: base.extras.filter(isMarker),
    problems: [
      ...unknownAlpha(adapter),
      ...[...absent].map(([part, count]): Problem => ({
        severity: 'warning',
        message: `${adapter.path} changes ${count} modules of the ${part}, which ${base.path} does not have: they are left aside.`,
      })),
    ],
  }
}

/** Why an adapter does not fit a base, as the comparison of models reports it. */
export function adapterProblems(adapter: Adapter, base: Checkpoint): Incompatibility[] {
  try {
    changesOf(adapter, base)
    return []
  } catch (error) {
    if (!(error instanceof FusionError)) throw error
    const { message, hint } = error
    const component = base.components.has('unet') ? 'unet' : 'model'
    return [
      { path: adapter.path, component, severity: 'error', kind: 'shape', message, tensors: [], ...(hint && { hint }) },
    ]
  }
}

/** What an adapter changes of a base, and how many modules it has for parts that the base lacks. */
function changesOf(adapter: Adapter, base: Checkpoint): { changes: Change[]; absent: Map<ComponentName, number> } {
  const names = new ModuleNames(base)
  const absent = new Map<ComponentName, number>()
  const problems: string[] = []
  const changes: Change[] = []
  const taken = new Map<TensorView, string>()
  for (const module of adapter.modules) {
    const found = names.find(module.name)
    const [part] = found.components
    if (part && found.components.every((component) => !base.components.has(component))) {
      absent.set(part, (absent.get(part) ?? 0) + 1)
      continue
    }
    const fitted = fit(module, found, base)
    if (typeof fitted === 'string') problems.push(`${module.name}: ${fitted}`)
    else changes.push(...fitted)
  }
  for (const { view, module } of changes) {
    const twin = taken.get(view)
    if (twin !== undefined) problems.push(`${module.name}: it changes the same tensor as ${twin}`)
    taken.set(view, module.name)
  }
  if (problems.length > 0 || changes.length === 0) throw misfitError(adapter, base, problems)
  return { changes, absent }
}

/** The changes of a module at the first of its places that they fit; else why they do not. */
function fit(module: AdapterModule, { places }: FoundModule, base: Checkpoint): Change[] | string {
  const misfits: string[] = []
  for (const place of places) {
    const changes = changesAt(module, place, base)
    if (typeof changes !== 'string') return changes
    misfits.push(changes)
  }
  return misfits[0] ?? 'the model has no such module'
}

function changesAt(
  module: AdapterModule,
  { component, module: name }: ModulePlace,
  base: Checkpoint,
): Change[] | string {
  const { form, factors, bias } = module
  const tensors = base.components.get(component)!.tensors
  const changes: Change[] = []
  if (form) changes.push({ component, view: tensors.get(`${name}.weight`)!, form, factors, module })
  if (bias) {
    const view = tensors.get(`${name}.bias`)
    if (!view) return `the model's module has no bias for ${bias.name}`
    changes.push({ component, view, form: full, factors: { diff: bias }, module })
  }
  const ownBias = tensors.get(`${name}.bias`)
  if (ownBias && scalesBias(form, (factor) => factors[factor]?.shape, module.onInput))
    changes.push({ component, view: ownBias, form: form!, factors, module })
  return changes.map(misfitOf).find((misfit) => misfit !== undefined) ?? changes
}

function misfitOf({ view, form, factors, module }: Change): string | undefined {
  if (!isFloatType(view.stored.elementType)) return `the model stores ${view.name} as ${view.stored.elementType}`
  const weight = weightShape(view.shape)
  const shape = (factor: string): readonly number[] | undefined => factors[factor]?.shape
  return form.misfit(weight, shape, settingsOf(module, 1, 'interpolate')) ?? magnitudeMisfit(weight, shape)
}

function settingsOf(
  { scale, constraint, seriesTerms, onInput }: AdapterModule,
  multiplier: number,
  rule: StrengthRule,
): FormSettings {
  return { scale, multiplier, rule, constraint, seriesTerms, onInput }
}

function computedView(
  adapter: Adapter,
  { view, form, factors, module }: Change,
  multiplier: number,
  rule: StrengthRule,
): TensorView {
  const { name, shape, stored, start, transposed } = view
  const settings = settingsOf(module, multiplier, rule)
  // PEFT's change of a bias is scaled like the weight's, LyCORIS' (diff_b) is not.
  const own = form === full && !module.bias?.name.includes('.lora_B') ? { ...settings, scale: 1 } : settings
  const parts = { weight: { shape, stored, start, transposed }, form: form.name, factors, settings: own }
  return {
    name,
    shape,
    start: 0,
    transposed: false,
    stored: computedTensor(name, adapter.files[0]!.path, parts),
  }
}

function misfitError({ path, title, modules }: Adapter, base: Checkpoint, problems: readonly string[]): FusionError {
  const shown = problems.slice(0, NAMES_SHOWN).join('; ')
  const more = problems.length > NAMES_SHOWN ? `; and ${problems.length - NAMES_SHOWN} more` : ''
  const what =
    problems.length === 0
      ? 'none of its modules is in a part that this model has'
      : `${problems.length} of its ${modules.length} modules do not fit: ${shown}${more}`
  return new FusionError('incompatible', `${path} (${title}) does not belong to ${base.path}: ${what}.`, {
    detail: problems.join('\n'),
    hint: 'Use a base of the family that the adapter was trained for (Stable Diffusion 1, 2 or SDXL).',
  })
}
