import { FusionError } from '../../../contract/errors'
import { isFloatType } from '../../tensor/element-type'
import { isActivationScale } from '../model/extras'
import type { Checkpoint } from '../model/checkpoint'
import type { StoredTensor } from '../containers/container'

/** A way to store weights as codes, recognised by what lies beside them. First fit counts. */
const QUANTISATIONS: readonly { title: string; name: RegExp }[] = [
  { title: 'in 4 bits by SVDQuant (Nunchaku)', name: /\.(?:wscales|smooth_factor(?:_orig)?|wtscale)$/ },
  { title: 'in 4 bits by bitsandbytes (NF4)', name: /\.quant_state\.bitsandbytes__nf4$/ },
  { title: 'in 4 bits by bitsandbytes (FP4)', name: /\.quant_state\.bitsandbytes__fp4$/ },
  { title: 'by bitsandbytes (NF4 or FP4)', name: /\.(?:nested_)?(?:absmax|quant_map)$|\.quant_state\./ },
  { title: 'in 8 bits by bitsandbytes', name: /\.(?:SCB|weight_format)$/ },
  { title: 'by GPTQ or AWQ', name: /\.(?:qweight|qzeros|g_idx)$/ },
  { title: 'by HQQ', name: /\.W_q$/ },
  { title: 'by quanto', name: /\.(?:weight|bias)\._(?:data|scale|shift|packed)(?:\.|$)/ },
  { title: 'by torchao', name: /[._:](?:_weight_)?qdata$|\.(?:tensor_impl|layout_tensor|int_data)(?:\.|$)/ },
  { title: 'in nvfp4', name: /\.weight_scale_2$/ },
  { title: 'by compressed-tensors', name: /\.(?:weight_packed|weight_shape)$/ },
  { title: 'in scaled fp8, with scales of blocks', name: /\.weight_scales?_inv$/ },
  {
    title: 'in scaled fp8, with scales that belong to no weight',
    name: /(?:^|\.)(?:scaled_fp8|scale_weight|weight_scales?)$/,
  },
  { title: 'by a program that stores scales (ComfyUI)', name: /\.comfy_quant$/ },
  { title: 'with zero points', name: /[._]zero_points?$/ },
]

/** What makes a tensor beside a weight of 8 bits its scale. */
const SCALE = /scale|absmax|zero/i
const WEIGHT = /(?:^|\.)(?:weight|bias|in_proj_weight|in_proj_bias)$/

/**
 * Refuses models whose weights are codes: averaging two of them, or their scales, gives nothing that either means.
 *
 * @throws FusionError 'unsupported', naming the way of quantisation and a tensor
 */
export function refuseQuantised({
  path,
  components,
  extras,
}: Pick<Checkpoint, 'path' | 'components' | 'extras'>): void {
  const configs = [...components.values()].map(({ config }) => config?.['quantization_config'])
  const config = configs.find((value) => typeof value === 'object' && value !== null)
  if (config) throw quantised(path, `by ${methodOf(config)}`, 'quantization_config in config.json')
  const views = [...components.values()].flatMap(({ tensors }) => [...tensors.values()])
  const stored = [...new Set(views.map((view) => view.stored)), ...extras]
  for (const { title, name } of QUANTISATIONS) {
    const found = stored.find((tensor) => name.test(tensor.name))
    if (found) throw quantised(path, title, `Tensor ${found.name}`)
  }
  const scaled = scaledWeight(stored)
  if (scaled) throw quantised(path, 'in scaled fp8', `Tensor ${scaled.name}`)
  const code = views.find(({ name, stored: { elementType } }) => {
    return !isFloatType(elementType) && WEIGHT.test(name)
  })
  if (code) {
    const { name, elementType } = code.stored
    throw quantised(path, `as ${elementType}`, `Tensor ${name} is stored as ${elementType}, not as real numbers.`)
  }
}

/** A weight in 8-bit floats that has a scale beside it, whatever its name. */
function scaledWeight(tensors: readonly StoredTensor[]): StoredTensor | undefined {
  const moduleOf = (name: string): string => name.slice(0, name.lastIndexOf('.') + 1)
  const isScale = (name: string): boolean => SCALE.test(name.slice(moduleOf(name).length)) && !isActivationScale(name)
  const scaled = new Set(tensors.filter(({ name }) => isScale(name)).map(({ name }) => moduleOf(name)))
  return tensors.find(
    ({ name, elementType }) => elementType.startsWith('F8') && WEIGHT.test(name) && scaled.has(moduleOf(name)),
  )
}

function methodOf(config: object): string {
  const method = 'quant_method' in config ? config.quant_method : undefined
  return typeof method === 'string' ? method : 'a program that its config.json does not name'
}

function quantised(path: string, how: string, detail: string): FusionError {
  return new FusionError('unsupported', `${path} is a quantised model: its weights are stored ${how}.`, {
    detail,
    hint:
      'Its weights are codes that mean nothing without their scales, and cannot be merged. Use the model in float16, ' +
      'bfloat16 or float32.',
  })
}
