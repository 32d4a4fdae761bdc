import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Destination, OutputFile, OutputFiles, OutputTensor } from './output-files'

const ENDING = '.safetensors'

/**
 * The files of an output, those of a folder divided where they are larger than a shard may be.
 * @param limit bytes of data in a shard; undefined: no file is divided
 */
export function inShards(output: OutputFiles, limit: number | undefined): OutputFiles {
  if (!output.folder || limit === undefined) return output
  return { ...output, files: output.files.flatMap((file) => dividedIntoShards(file, limit, output.destinations)) }
}

/**
 * Divides a weights file as diffusers and huggingface_hub do: tensors in their order, as many in each shard as fit. A
 * tensor that does not fit alone gets a shard of its own. Codes and their scale stay together.
 *
 * @param limit bytes of data in a shard
 * @param destinations of the file's tensors: those of the shards take their place
 * @returns the file itself where it fits
 */
function dividedIntoShards(file: OutputFile, limit: number, destinations: Map<string, Destination>): OutputFile[] {
  if (file.dataBytes <= limit) return [file]
  const scaled = new Set([...destinations.values()].flatMap((to) => (to.file === file && to.scaled ? [to.offset] : [])))
  const shards: OutputFile[] = []
  const places = new Map<OutputTensor, { shard: OutputFile; shift: number }>()
  for (const [index, tensor] of file.tensors.entries()) {
    const isScale = index > 0 && scaled.has(file.tensors[index - 1]!.offset)
    const together = tensor.byteLength + (scaled.has(tensor.offset) ? (file.tensors[index + 1]?.byteLength ?? 0) : 0)
    let shard = shards.at(-1)
    if (!shard || (!isScale && shard.dataBytes > 0 && shard.dataBytes + together > limit))
      shards.push((shard = { ...file, tensors: [], extras: [], zeros: [], dataBytes: 0 }))
    const placed = { ...tensor, offset: shard.dataBytes }
    places.set(tensor, { shard, shift: placed.offset - tensor.offset })
    shard.tensors.push(placed)
    shard.dataBytes += tensor.byteLength
  }
  for (const { stored, target } of file.extras) {
    const { shard, shift } = places.get(target)!
    shard.extras.push({ stored, target: { ...target, offset: target.offset + shift } })
  }
  for (const target of file.zeros) {
    const { shard, shift } = places.get(target)!
    shard.zeros.push({ ...target, offset: target.offset + shift })
  }
  const tensorAt = tensorFinder(file)
  for (const [key, destination] of destinations) {
    if (destination.file !== file) continue
    const { shard, shift } = places.get(tensorAt(destination.offset))!
    destinations.set(key, { ...destination, file: shard, offset: destination.offset + shift })
  }
  const stem = file.path.slice(0, -ENDING.length)
  const number = (value: number): string => String(value).padStart(5, '0')
  for (const [index, shard] of shards.entries())
    shard.path = `${stem}-${number(index + 1)}-of-${number(shards.length)}${ENDING}`
  return shards
}

/** Finds the tensor in which a byte of the data lies. */
function tensorFinder({ tensors }: OutputFile): (offset: number) => OutputTensor {
  const starts = tensors.map(({ offset }) => offset)
  return (offset) => {
    let [low, high] = [0, starts.length - 1]
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if (starts[middle]! <= offset) low = middle
      else high = middle - 1
    }
    return tensors[low]!
  }
}

const SHARD = /-\d{5}-of-\d{5}\.safetensors$/

/**
 * Writes the index beside the shards of every divided file, which says where each tensor is.
 * @param root the folder of the output
 * @returns the paths of the indexes
 */
export async function writeShardIndexes(root: string, files: readonly OutputFile[]): Promise<string[]> {
  const divided = new Set(files.flatMap(({ path }) => (SHARD.test(path) ? [path.replace(SHARD, ENDING)] : [])))
  const written: string[] = []
  for (const whole of divided) {
    const shards = files.filter(({ path }) => path !== whole && path.replace(SHARD, ENDING) === whole)
    const entries = shards.flatMap(({ path, tensors }) => tensors.map(({ name }) => [name, fileName(path)] as const))
    const index = {
      metadata: { total_size: shards.reduce((sum, { dataBytes }) => sum + dataBytes, 0) },
      weight_map: Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))),
    }
    const path = join(root, `${whole}.index.json`)
    await writeFile(path, `${JSON.stringify(index, null, 2)}\n`, { flag: 'wx' })
    written.push(path)
  }
  return written
}

/** Of a path with '/', as output files have it. */
function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
