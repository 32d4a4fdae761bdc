import type { SourceFile, StoredTensor, WeightsContainer } from '../checkpoint/containers/container'
import { LENGTH_BYTES } from '../checkpoint/containers/safetensors'
import { BYTES_PER_ELEMENT, type ElementType } from '../tensor/element-type'

/** A tensor as the library's own writer, and all others, write it: no white space, nothing escaped. */
const TENSOR = /"([^"\\]+)":\{"dtype":"(\w+)","shape":\[([\d,]*)\],"data_offsets":\[(\d+),(\d+)\]\}/y
/** Runs of tensors that are looked at, evenly over the header, and the tensors in each. */
const RUNS = 8
const RUN_LENGTH = 16
/** Where these layers first occur is one more run: they tell an adapter's base, and whether it covers convolutions. */
const TELLING_LAYERS = ['attn2', 'conv', 'lora_mid']
/** Texts in metadata that are asked for, with a value that needs no escapes. */
const METADATA = /"(ss_base_model_version|modelspec\.architecture|modelspec\.thumbnail)":"([^"\\]{0,100})/g

/**
 * Some tensors of a long header, found without reading all of it as JSON: adapters have thousands of tensors with names
 * that repeat, and a library thousands of adapters. Of metadata only what a list shows is there.
 *
 * @param header without its 8-byte length
 * @returns undefined where the header is written in another way than usual, or its last tensor does not end with the file
 */
export function sampledContainer(file: SourceFile, header: Buffer): WeightsContainer | undefined {
  const text = header.toString('latin1').trimEnd()
  const dataStart = LENGTH_BYTES + header.byteLength
  const places = Array.from({ length: RUNS }, (_, run) => Math.floor((run * text.length) / RUNS))
  for (const layer of TELLING_LAYERS) {
    const found = text.indexOf(layer)
    if (found >= 0) places.push(text.lastIndexOf('"', found) - 1)
  }
  const tensors = new Map<string, StoredTensor>()
  for (const place of places) {
    let at = place
    for (let count = 0; count < RUN_LENGTH; count++) {
      const start = count === 0 ? tensorAfter(text, at) : at
      const match = start < 0 ? null : matchAt(text, start)
      if (!match) break
      const tensor = tensorOf(match, file.path, dataStart)
      if (!tensor) return undefined
      tensors.set(tensor.name, tensor)
      at = start + match[0].length + 1
    }
  }
  const last = matchAt(text, text.lastIndexOf('"', text.lastIndexOf('":{"dtype"') - 1))
  if (!last || !text.endsWith(`${last[0]}}`) || dataStart + Number(last[5]) !== file.size) return undefined
  const metadata = Object.fromEntries(
    [...text.slice(0, tensorAfter(text, 0)).matchAll(METADATA)].map(([, key, value]) => [key!, value!]),
  )
  return { file, metadata, tensors: [...tensors.values()], leftAside: [] }
}

/** The place of the first tensor at or behind a place; -1 where there is none. */
function tensorAfter(text: string, place: number): number {
  const type = text.indexOf('":{"dtype":"', place)
  return type < 0 ? -1 : text.lastIndexOf('"', type - 1)
}

function matchAt(text: string, place: number): RegExpExecArray | null {
  TENSOR.lastIndex = Math.max(0, place)
  return TENSOR.exec(text)
}

/** undefined where it is not what a tensor can be. */
function tensorOf(match: RegExpExecArray, path: string, dataStart: number): StoredTensor | undefined {
  const [, name, type, dimensions, begin, end] = match as unknown as string[]
  const shape = dimensions === '' ? [] : dimensions!.split(',').map(Number)
  const byteLength = Number(end) - Number(begin)
  if (!Object.hasOwn(BYTES_PER_ELEMENT, type!)) return undefined
  const elementType = type as ElementType
  const elements = shape.reduce((product, size) => product * size, 1)
  if (elements * BYTES_PER_ELEMENT[elementType] !== byteLength) return undefined
  return { name: name!, elementType, shape, path, offset: dataStart + Number(begin), byteLength }
}
