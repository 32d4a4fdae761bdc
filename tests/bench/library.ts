// Listing a model library of 5,000 files, cold (no header was read before) and warm (all headers are remembered): the
// engine's call. Three libraries: small files of a few tensors; adapters with headers as long as real ones (SD 1's UNet,
// rank 4: 264 modules), sparse; and checkpoints' headers (1,100 tensors), sparse, of 2 GB each.
//   node scripts/run-ts.mjs tests/bench/library.ts [COUNT]
import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { listModels } from '../../src-main/engine/library/list-models'
import { encodeHeader } from '../../src-main/engine/checkpoint/containers/safetensors-write'

const [count = '5000'] = process.argv.slice(2)
const files = Number(count)

type Shapes = [name: string, shape: number[]][]

function small(): Shapes {
  return loraModules(2)
}

/** The modules of one attention block after the other, as kohya names them. */
function loraModules(modules: number): Shapes {
  return Array.from({ length: modules }, (_, index): Shapes => {
    const block = `lora_unet_down_blocks_${index % 3}_attentions_${index % 2}_transformer_blocks_0_attn2_to_k${index}`
    return [
      [`${block}.alpha`, []],
      [`${block}.lora_down.weight`, [4, 768]],
      [`${block}.lora_up.weight`, [320, 4]],
    ]
  }).flat()
}

function checkpoint(): Shapes {
  const layers = Array.from({ length: 1100 }, (_, index): Shapes[number] => [
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

function write(folder: string, shapes: Shapes): number {
  const tensors = shapes.map(([name, shape]) => ({
    name,
    shape,
    elementType: 'F16' as const,
    byteLength: 2 * shape.reduce((product, size) => product * size, 1),
  }))
  const metadata = { ss_base_model_version: 'sd_v1', ss_tag_frequency: JSON.stringify({ pictures: { word: 1 } }) }
  const header = encodeHeader(tensors, metadata)
  const size = header.byteLength + tensors.reduce((sum, { byteLength }) => sum + byteLength, 0)
  mkdirSync(folder, { recursive: true })
  for (let index = 0; index < files; index++) {
    const file = openSync(join(folder, `model-${index}.safetensors`), 'w')
    writeSync(file, header)
    ftruncateSync(file, size)
    closeSync(file)
  }
  return header.byteLength
}

const root = mkdtempSync(join(tmpdir(), 'featurefusion-library-'))
try {
  const libraries = { small: small(), adapters: loraModules(264), checkpoints: checkpoint() }
  for (const [name, shapes] of Object.entries(libraries)) {
    const folder = join(root, name)
    const headerBytes = write(folder, shapes)
    const cacheFolder = join(root, `cache-${name}`)
    mkdirSync(cacheFolder)
    for (const state of ['cold', 'warm']) {
      const started = performance.now()
      const { entries } = await listModels([folder], { cacheFolder })
      const took = (performance.now() - started).toFixed(0)
      const kinds = [...new Set(entries.map(({ kind, base, rank }) => `${kind} ${base} rank ${rank}`))].join(', ')
      console.log(
        `${name}, ${state}: ${entries.length} files in ${took} ms (headers of ${headerBytes} bytes; ${kinds})`,
      )
    }
  }
} finally {
  rmSync(root, { recursive: true, force: true })
}
