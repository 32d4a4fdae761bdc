import { FUSION_METHODS, type FusionSettings } from '../../contract/adapter-fusion'
import type { LoraType } from '../../contract/adapter-files'
import { FusionError } from '../../contract/errors'
import { methodSchema, type Project } from '../../contract/document/project'
import { weighsBase } from '../../contract/methods/descriptor'
import { yieldOrCancel } from '../cancel'
import { hashFiles } from '../checkpoint/hash'
import { isMergeable } from '../checkpoint/mergeable'
import { LoraFile, type LoraTarget } from '../extract/lora-file'
import { moduleOf } from '../checkpoint/model/module-name'
import { hasKernel, isLoraLayer, isVector } from '../extract/lora-layers'
import { loraMetadata, type LoraLayer } from '../extract/lora-metadata'
import { LORA_COMPONENTS } from '../extract/lora-names'
import { RoundedTensors } from '../extract/rounded-tensors'
import { checkTargetOutsideSources } from '../files/writing/target'
import type { Kept } from '../linear-algebra/truncated-svd'
import { methodNamed } from '../merge/methods/index'
import { checkpointsOf, sourcesOf, type MergePlan, type TensorTask } from '../merge/plan/merge-plan'
import { isLowRank, type AdapterPart, type FusedTensor } from './adapter-parts'
import type { FuseOptions, Fusion } from './fusion'
import { fusedMetadata, metadataRoom } from './fused-metadata'
import { LayerFuser } from './layer-fuser'
import { RealInputs } from './real-inputs'

/** How many names a message shows. */
const NAMES_SHOWN = 5

/**
 * The project whose merge a fused adapter is: its own, where its method adds models up; else the sum of what its adapters
 * do, times their weights.
 * @throws FusionError 'unsupported' for a merge with gains: they scale the base's weights as well
 */
export function fusedProject(project: Project): Project {
  if (project.method.gains.length > 0)
    throw new FusionError('unsupported', 'An adapter has no place for the gains of this merge.', {
      hint: 'Remove them, or export the whole merge.',
    })
  const method = methodNamed(project.method.name)
  // Adapters are changes of the base itself: they are in its order.
  if (method.kind === 'linear') return { ...project, method: { ...project.method, align: false } }
  const [base, ...others] = project.models
  const { calibration } = project.method
  // The weight that the base has in an average has no place in a sum.
  const models =
    base && weighsBase(method) ? [{ ...base, weight: 1, blocks: {}, layers: [] }, ...others] : project.models
  return {
    ...project,
    models,
    method: methodSchema.parse({ name: 'task-arithmetic', ...(calibration !== undefined && { calibration }) }),
  }
}

/**
 * Writes one adapter that does to the base what the plan's adapters do together, each with its strengths and weights.
 * Where no rank is asked for it is exact but for rounding: factors stand side by side, and ranks add up. Else every layer
 * has the best factors of its rank, found in the space of the given factors, without matrices of the layer's size; layers
 * where an adapter has no factors of low rank (DoRA, OFT …) are computed with the base.
 * @param plan of a linear method (fusedProject)
 * @throws FusionError 'incompatible' for models that are no adapters, adapters that change nothing of the merged parts, and
 * those that only a rank can express; 'target', 'cancelled', 'not-finite' and whatever reading throws; then nothing new
 * stands at the path
 */
export async function fuseAdapters(plan: MergePlan, options: FuseOptions): Promise<Fusion> {
  const { format, type, fusion, overwrite = false } = options
  checkAdapters(plan)
  checkNumber(plan, fusion)
  const tensors = fusedTensors(plan)
  const layers = tensors.filter(({ base }) => isLoraLayer(base))
  const whole = format === 'peft' ? [] : tensors.filter(({ base }) => isVector(base))
  const leftOut = tensors.filter((tensor) => !layers.includes(tensor) && !whole.includes(tensor))
  if (layers.length + whole.length === 0) throw nothingFused(plan)
  const needsFactors = (layer: FusedTensor): boolean => fusion.method !== 'sum' || keptOf(layer, options) === null
  checkExpressible(plan, layers.filter(needsFactors), fusion)
  const inputs = fusion.method === 'ssr' ? await RealInputs.open(plan, options) : null
  const sources = sourcesOf(plan)
  const read = [...checkpointsOf(plan), ...sources, ...(inputs ? [inputs.file] : [])].map(({ path }) => path)
  await checkTargetOutsideSources(options.path, read)
  const hashes = await hashFiles(
    plan.models.slice(1).flatMap(({ checkpoint }) => checkpoint.files),
    options,
  )
  const targets = { layers: layers.map(targetOf), whole: whole.map(targetOf) }
  const room = { sources: read, metadataBytes: metadataRoom(plan) }
  const file = await LoraFile.create(options.path, { overwrite, format, type, base: plan.base, ...targets, ...room })
  const fuser = new LayerFuser(sources)
  try {
    const found = await fuseLayers(layers, { fuser, file, inputs }, options)
    if (found.layers.length + whole.length === 0) throw nothingFused(plan)
    const vectors = addVectors(whole, fuser, file, type)
    fuser.checkUnchanged()
    inputs?.checkUnchanged()
    const result = { ...found, whole: vectors, leftOut: leftOut.map(nameOf) }
    const more = fusedMetadata(plan, hashes, options, result)
    return { ...result, bytes: await file.finish(loraMetadata(format, found.layers, plan.base.architecture, more)) }
  } catch (error) {
    await file.discard()
    throw error
  } finally {
    inputs?.close()
    await fuser.release()
  }
}

function keptOf({ base }: FusedTensor, { kept, convolutionsKept }: FuseOptions): Kept | null {
  return hasKernel(base.shape) ? (convolutionsKept ?? kept) : kept
}

function targetOf({ component, base: { name, shape } }: FusedTensor): LoraTarget {
  return { component, name, shape }
}

function nameOf({ component, base }: FusedTensor): string {
  return `${component}.${base.name}`
}

/** @throws FusionError 'incompatible' */
function checkAdapters({ models }: MergePlan): void {
  const whole = models.slice(1).filter(({ checkpoint }) => checkpoint.adapted === undefined)
  if (whole.length === 0) return
  throw new FusionError(
    'incompatible',
    `${whole.map(({ entry }) => entry.name).join(', ')}: only adapters (LoRA and the like) become one adapter, and ` +
      `${whole.length === 1 ? 'this is a whole model' : 'these are whole models'}.`,
    { hint: 'Extract a LoRA of what it changed first (featurefusion extract), or leave it out.' },
  )
}

/** @throws FusionError 'validation' */
function checkNumber({ models }: MergePlan, { method }: FusionSettings): void {
  if (method !== 'np-lora' || models.length === 3) return
  throw new FusionError(
    'validation',
    `NP-LoRA takes two adapters, a content and a style; here are ${models.length - 1}.`,
    {
      hint: 'Give two of them, the content first, or choose another method.',
    },
  )
}

/** The tensors of the base that adapters change, in the order of the base. */
function fusedTensors({ tasks, project }: MergePlan): FusedTensor[] {
  return tasks.flatMap((task): FusedTensor[] => {
    const component = LORA_COMPONENTS.find((name) => name === task.component)
    const [base] = task.views
    if (!component || task.kind !== 'tensor' || !isMergeable(base!)) return []
    const parts = partsOf(task, project)
    return parts.length > 0 ? [{ component, base: base!, parts }] : []
  })
}

function partsOf({ method, views, weights }: TensorTask, { method: settings }: Project): AdapterPart[] {
  if (method.kind !== 'linear') throw new FusionError('internal', `${method.title} is no sum of models.`)
  const { coefficients, divisor } = method.combine(weights, settings)
  return views.flatMap((view, model): AdapterPart[] => {
    const change = view.stored.computed
    const coefficient = coefficients[model]! / divisor
    return model === 0 || !change || coefficient === 0 ? [] : [{ model, view, change, coefficient }]
  })
}

/** @throws FusionError 'incompatible' with the names of adapters whose changes have no low rank */
function checkExpressible({ models }: MergePlan, layers: readonly FusedTensor[], { method }: FusionSettings): void {
  const others = layers.flatMap((layer) =>
    layer.parts.filter((part) => !isLowRank(part)).map(({ model }) => ({ name: nameOf(layer), model })),
  )
  if (others.length === 0) return
  const names = [...new Set(others.map(({ model }) => model))].map((model) => {
    const own = others.filter((other) => other.model === model)
    return `${models[model]!.entry.name} (${own.length} modules: ${own[0]!.name}${own.length > 1 ? ' …' : ''})`
  })
  const shown = names.slice(0, NAMES_SHOWN).join(', ')
  const isSum = method === 'sum'
  throw new FusionError(
    'incompatible',
    isSum
      ? `${shown}: these changes are no product of small factors: an exact LoRA of them would be as large as the layers.`
      : `${shown}: these changes are no product of small factors, in whose space ${FUSION_METHODS[method].title} works.`,
    {
      detail: others.map(({ name }) => name).join('\n'),
      hint: isSum
        ? 'Give a rank or an energy: then they are computed with the base and cut to it. (DoRA and OFT depend on the base: the result fits this one.)'
        : 'Add them up (method sum) with a rank, or make LoRAs of them first: featurefusion extract --specialist ADAPTER.',
    },
  )
}

function nothingFused({ models, components, base }: MergePlan): FusionError {
  const names = models.slice(1).map(({ entry }) => entry.name)
  return new FusionError(
    'incompatible',
    `${names.join(', ')}: nothing of ${components.join(', ')} of ${base.path} is changed: there is nothing to write.`,
    { hint: 'Include the parts that the adapters change, and give them weights other than 0.' },
  )
}

async function fuseLayers(
  layers: readonly FusedTensor[],
  { fuser, file, inputs }: { fuser: LayerFuser; file: LoraFile; inputs: RealInputs | null },
  options: FuseOptions,
): Promise<Pick<Fusion, 'layers' | 'relativeError' | 'withoutInputs'>> {
  const { type, fusion, signal, onProgress } = options
  const found: LoraLayer[] = []
  const withoutInputs: string[] = []
  let [lost, total] = [0, 0]
  for (const [index, layer] of layers.entries()) {
    await yieldOrCancel(signal)
    const own = inputs?.ofLayer(layer) ?? null
    if (inputs && !own) withoutInputs.push(nameOf(layer))
    const factors = await fuser.fuse(layer, { type, kept: keptOf(layer, options), fusion, inputs: own, signal })
    onProgress?.((index + 1) / layers.length)
    if (!factors) continue
    file.addLayer(targetOf(layer), factors)
    const relativeError = Math.sqrt(factors.lost / factors.total)
    found.push({ component: layer.component, module: moduleOf(layer.base.name), rank: factors.rank, relativeError })
    lost += factors.lost
    total += factors.total
  }
  return { layers: found, relativeError: total === 0 ? 0 : Math.sqrt(lost / total), withoutInputs }
}

/** @returns the names of the tensors whose changes were added */
function addVectors(vectors: readonly FusedTensor[], fuser: LayerFuser, file: LoraFile, type: LoraType): string[] {
  const rounding = new RoundedTensors()
  return vectors.map((vector) => {
    const data = fuser.fuseVector(vector)
    file.addWhole(targetOf(vector), rounding.round({ data, rows: 1, columns: data.length }, type, vector.base).bytes)
    return nameOf(vector)
  })
}
