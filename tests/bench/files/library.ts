// Listing a model library of 5,000 files, cold (no header was read before) and warm (all headers are remembered): the
// engine's call. Three libraries: small files of a few tensors; adapters with headers as long as real ones (SD 1's UNet,
// about 264 modules), sparse; and checkpoints' headers (about 1,100 tensors), sparse, of 2 GB each. Every file has metadata
// of its own, and each library forty different sets of tensors, as trainers and converters write some and not all alike.
//   node scripts/run-ts.mjs tests/bench/files/library.ts [COUNT]
import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { listModels } from '../../../src-main/engine/library/list-models'
import { encodeHeader } from '../../../src-main/engine/checkpoint/containers/safetensors-write'

const [count = '5000'] = process.argv.slice(2)
const files = Number(count)

type Shapes = [name: string, shape: number[]][]

/** Different sets of tensors of a library. */
const SETS = 40

function small(set: number): Shapes {
  return loraModules(2, 4 + set)
}

/** The modules of one attention block after the other, as kohya names them. */
function loraModules(modules: number, rank: number): Shapes {
  return Array.from({ length: modules }, (_, index): Shapes => {
    const block = `lora_unet_down_blocks_${index % 3}_attentions_${index % 2}_transformer_blocks_0_attn2_to_k${index}`
    return [
      [`${block}.alpha`, []],
      [`${block}.lora_down.weight`, [rank, 768]],
      [`${block}.lora_up.weight`, [320, rank]],
    ]
  }).flat()
}

function checkpoint(set: number): Shapes {
  const layers = Array.from({ length: 1100 + set }, (_, index): Shapes[number] => [
    `model.diffusion_model.output_blocks.${index}.1.transformer_blocks.0.attn2.to_q.weight`,
    [960, 960],
  ])
  return [
    ['cond_stage_model.transformer.text_model.embeddings.token_embedding.weight', [49408, 768]],
    ['first_stage_model.decoder.conv_in.weight', [512, 4, 3, 3]],
    ['model.diffusion_model.input_blocks.0.0.weight', [320, 4, 3, 3]],
    ['model.diffusion_model.input_blocks.1.1.proj_in.weight', [320, 320, 1, 1]],
    ['model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight', [320, 768]],
    ...layers,
    ['model.diffusion_model.time_embed.0.weight', [1280, 320]],
  ]
}

function headerOf(shapes: Shapes, title: string): { header: Uint8Array; size: number } {
  const tensors = shapes.map(([name, shape]) => ({
    name,
    shape,
    elementType: 'F16' as const,
    byteLength: 2 * shape.reduce((product, size) => product * size, 1),
  }))
  const tags = { ss_tag_frequency: JSON.stringify({ pictures: { [title]: 1 } }) }
  const header = encodeHeader(tensors, { ss_base_model_version: 'sd_v1', 'modelspec.title': title, ...tags })
  return { header, size: tensors.reduce((sum, { byteLength }) => sum + byteLength, header.byteLength) }
}

/** @returns bytes of a header */
function write(folder: string, shapesOf: (set: number) => Shapes): number {
  const sets = Array.from({ length: SETS }, (_, set) => shapesOf(set))
  mkdirSync(folder, { recursive: true })
  let bytes = 0
  for (let index = 0; index < files; index++) {
    const { header, size } = headerOf(sets[index % SETS]!, `model ${index}`)
    const file = openSync(join(folder, `model-${index}.safetensors`), 'w')
    writeSync(file, header)
    ftruncateSync(file, size)
    closeSync(file)
    bytes = header.byteLength
  }
  return bytes
}

const root = mkdtempSync(join(tmpdir(), 'featurefusion-library-'))
try {
  const libraries = { small, adapters: (set: number) => loraModules(264, 4 + set), checkpoints: checkpoint }
  for (const [name, shapesOf] of Object.entries(libraries)) {
    const folder = join(root, name)
    const headerBytes = write(folder, shapesOf)
    const cacheFolder = join(root, `cache-${name}`)
    mkdirSync(cacheFolder)
    for (const state of ['cold', 'warm']) {
      const [started, before] = [performance.now(), process.cpuUsage()]
      const { entries } = await listModels([folder], { cacheFolder })
      const took = (performance.now() - started).toFixed(0)
      const { user, system } = process.cpuUsage(before)
      const processor = ((user + system) / 1000).toFixed(0)
      const kinds = [...new Set(entries.map(({ kind, base }) => `${kind} ${base}`))].join(', ')
      console.log(
        `${name}, ${state}: ${entries.length} files in ${took} ms (${processor} ms of processor time; headers of ${headerBytes} bytes; ${kinds})`,
      )
    }
  }
} finally {
  rmSync(root, { recursive: true, force: true })
}
