import { isDenoiser } from '../../../../contract/values/denoisers'
import type { OutputType } from '../../../../contract/document/project'
import type { ComponentName, TensorView } from '../../../checkpoint/model/checkpoint'
import { countsPositions } from '../../../checkpoint/mergeable'
import { isFloatType, type ElementType } from '../../../tensor/element-type'

/** How a tensor is written. */
export interface WrittenType {
  elementType: ElementType
  /** Codes of 8 bits with one scale for all of them, which the file has beside it. */
  scaled: boolean
}

const FLOAT_TYPES = { fp16: 'F16', bf16: 'BF16', fp32: 'F32' } as const
/** ComfyUI's fp8: PyTorch's float8_e4m3fn. */
export const FP8 = 'F8_E4M3'
/** What codes with scales are written as where their type shall stay: new scales would round them again. */
const SCALED_AS_SAME = 'F16'
/** Modules that turn times, sizes, words or classes into vectors: their few weights are worth half precision. */
const EMBEDDING = /(?:^|\.)\w*embed(?:ding|dings|der)?(?:_\w+)?\./

/** How a tensor of the base is written. @param shape that it has in the file */
export function writtenType(
  view: TensorView,
  component: ComponentName,
  shape: readonly number[],
  dtype: OutputType,
): WrittenType {
  if (countsPositions(view)) return { elementType: 'I64', scaled: false }
  const { elementType, scaled } = view.stored
  if (!isFloatType(elementType)) return { elementType, scaled: false }
  switch (dtype) {
    case 'same':
      return { elementType: scaled ? SCALED_AS_SAME : elementType, scaled: false }
    case 'fp8':
      return isMatrix(view, component) ? { elementType: FP8, scaled: false } : inHalf(view)
    case 'fp8-scaled':
      // ComfyUI knows scales of linear layers, not of convolutions.
      return isMatrix(view, component) && shape.length === 2 ? { elementType: FP8, scaled: true } : inHalf(view)
    default:
      return { elementType: FLOAT_TYPES[dtype], scaled: false }
  }
}

/** Whether a tensor is one of the denoiser's matrices and filters, which take the most room and bear 8 bits. */
function isMatrix({ name, shape }: TensorView, component: ComponentName): boolean {
  const isOfDenoiser = isDenoiser(component) || component === 'model'
  return isOfDenoiser && name.endsWith('.weight') && shape.length >= 2 && !EMBEDDING.test(name)
}

/** Half precision: bfloat16 where a tensor has that already. */
function inHalf({ stored }: TensorView): WrittenType {
  return { elementType: stored.elementType === 'BF16' ? 'BF16' : 'F16', scaled: false }
}
