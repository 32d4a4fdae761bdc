import { FusionError } from '../../../../contract/errors'
import { isObject, objectIn, type JsonObject } from '../../../../contract/values/json-text'
import { elementCount, isFloatType } from '../../../tensor/element-type'
import type { StoredTensor, WeightsContainer } from '../container'
import { readTexts } from '../stored-values'

/** How ComfyUI's files say of a layer that its weight is stored as codes: a text (JSON) in bytes beside it … */
const LAYER_SETTINGS = '.comfy_quant'
/** … or the settings of all layers in the file's metadata. */
const SETTINGS_KEY = '_quantization_metadata'
/** Where a file says that weights with `scale_weight` are scaled; it means nothing without them. */
const MARKER = /(?:^|\.)scaled_fp8$/
/** A weight's scale, in ComfyUI's older form and in its newer one, which other programs write, too. */
const SCALE = /(?:^|\.)(?:scale_weight|weight_scale)$/
/** Layers in metadata are named as the network names them; a file may have them under one of these prefixes. */
const PREFIXES = ['', 'model.diffusion_model.', 'diffusion_model.', 'model.', 'unet.', 'transformer.']
/** ComfyUI's words for 8-bit floats with one scale for all or one for each row. */
const FP8 = /^float8_e(?:4m3fn|5m2)(?:_(?:tensor|row)wise)?$/
/** Settings of a layer that change nothing of what its weight is. */
const HARMLESS = ['format', 'full_precision_matrix_mult', 'orig_dtype', 'orig_shape']

/** How a layer's weight is stored, in ComfyUI's words. */
interface LayerSettings {
  format: string
  /** Names of settings that change what the codes mean. */
  others: string[]
}

/**
 * A container whose fp8 weights with scales (ComfyUI's `scale_weight` with the marker `scaled_fp8`; `weight_scale` with
 * `comfy_quant` tensors or `_quantization_metadata`) are what they mean: value = code × scale, in float32. The scales and
 * markers are then no tensors of their own. Whatever else has scales is left as it is, for refuseQuantised to name.
 *
 * @throws FusionError 'unsupported' for weights that ComfyUI stores in another way than fp8, 'malformed' for fp8 whose
 * scales are missing or do not fit, and what reading the settings throws
 */
export function withScales(container: WeightsContainer): WeightsContainer {
  const { file, metadata, tensors } = container
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  const settings = settingsByLayer(container, byName)
  const scaled = new Map<string, StoredTensor>()
  const used = new Set<StoredTensor>()
  for (const scale of tensors) {
    if (!SCALE.test(scale.name)) continue
    const layer = scale.name.slice(0, scale.name.lastIndexOf('.') + 1)
    const weight = byName.get(`${layer}weight`)
    if (!weight?.elementType.startsWith('F8') || byName.has(`${layer}weight_scale_2`)) continue
    if (!fits(scale, weight)) throw notFitting(file.path, scale, weight)
    scaled.set(weight.name, { ...weight, elementType: 'F32', byteLength: 4 * elementCount(weight.shape) })
    scaled.get(weight.name)!.scaled = { codes: weight, scale }
    used.add(scale)
  }
  for (const [layer, { format, others }] of settings) {
    if (!FP8.test(format)) throw otherFormat(file.path, layer, format)
    if (others.length > 0) throw otherFormat(file.path, layer, `${format} with ${others.join(', ')}`)
    if (!scaled.has(`${layer}.weight`)) throw withoutScale(file.path, layer, format)
  }
  if (scaled.size === 0) return container
  const isSaid = ({ name }: StoredTensor): boolean => name.endsWith(LAYER_SETTINGS) || MARKER.test(name)
  const { [SETTINGS_KEY]: _read, ...others } = metadata
  return {
    ...container,
    metadata: others,
    tensors: tensors
      .filter((tensor) => !used.has(tensor) && !isSaid(tensor))
      .map((tensor) => scaled.get(tensor.name) ?? tensor),
  }
}

/** Whether a scale is one number, or one for each row of the weight. */
function fits({ elementType, shape }: StoredTensor, weight: StoredTensor): boolean {
  const count = elementCount(shape)
  const isPerRow = count === weight.shape[0] && (shape[0] === count || count === 1)
  return isFloatType(elementType) && !elementType.startsWith('F8') && (count === 1 || isPerRow)
}

/** What a file says of its layers, by their names in the file; the tensors beside them go before the metadata. */
function settingsByLayer(
  { file: { path }, metadata, tensors }: WeightsContainer,
  byName: ReadonlyMap<string, StoredTensor>,
): Map<string, LayerSettings> {
  const settings = new Map<string, LayerSettings>()
  const said = metadata[SETTINGS_KEY]
  if (said !== undefined) {
    const { layers } = settingsIn(said, path, SETTINGS_KEY)
    if (!isObject(layers)) throw malformedSettings(path, SETTINGS_KEY)
    const entries = Object.entries(layers)
    for (const [name, value] of entries) {
      const prefix = PREFIXES.find((one) => byName.has(`${one}${name}.weight`))
      if (prefix !== undefined) settings.set(prefix + name, settingsOf(value, path, name))
    }
    if (entries.length > 0 && settings.size === 0) throw malformedSettings(path, SETTINGS_KEY)
  }
  const beside = tensors.filter(({ name }) => name.endsWith(LAYER_SETTINGS))
  readTexts(beside).forEach((text, index) => {
    const { name } = beside[index]!
    settings.set(name.slice(0, -LAYER_SETTINGS.length), settingsOf(settingsIn(text, path, name), path, name))
  })
  return settings
}

function settingsOf(value: unknown, path: string, name: string): LayerSettings {
  const found = typeof value === 'string' ? { format: value } : value
  if (!isObject(found) || typeof found['format'] !== 'string') throw malformedSettings(path, name)
  const others = Object.entries(found).filter(([key, set]) => Boolean(set) && !HARMLESS.includes(key))
  return { format: found['format'], others: others.map(([key]) => key) }
}

function settingsIn(text: string, path: string, name: string): JsonObject {
  const settings = objectIn(text)
  if (!settings) throw malformedSettings(path, name)
  return settings
}

const OTHER_FILE = 'Use the model in float16, bfloat16 or float32.'

function otherFormat(path: string, layer: string, format: string): FusionError {
  return new FusionError(
    'unsupported',
    `${path} is a quantised model: its weights are stored in ${format} by ComfyUI.`,
    {
      detail: `Layer ${layer}`,
      hint: `Of ComfyUI's formats fp8 with one scale, or one for each row, is read. ${OTHER_FILE}`,
    },
  )
}

function withoutScale(path: string, layer: string, format: string): FusionError {
  return new FusionError('malformed', `${path} says that ${layer} is stored in ${format}, but not by which scale.`, {
    hint: `The file is incomplete: get it again. ${OTHER_FILE}`,
  })
}

function notFitting(path: string, scale: StoredTensor, weight: StoredTensor): FusionError {
  const { name, elementType, shape } = scale
  return new FusionError(
    'unsupported',
    `${path} is a quantised model: its weights are stored in scaled fp8, with scales of blocks.`,
    {
      detail: `${name} is ${elementType} [${shape.join(', ')}] for a weight [${weight.shape.join(', ')}].`,
      hint: `fp8 is read with one scale, or one for each row. ${OTHER_FILE}`,
    },
  )
}

function malformedSettings(path: string, name: string): FusionError {
  return new FusionError('malformed', `${path} is a quantised model by ComfyUI, but does not say in ${name} how.`, {
    hint: `The file is damaged, or of a newer program. ${OTHER_FILE}`,
  })
}
