import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { onTestFinished } from 'vitest'
import { torchFile, pickle, dict, tensor } from '../checkpoint/containers/pickle/build-pickles'
import { writeSparse } from '../checkpoint/files'

/** Names and shapes of the layers by which kinds of files are told, with the widths of real ones. */
export const SHAPES = {
  sd1: {
    'cond_stage_model.transformer.text_model.embeddings.token_embedding.weight': [49408, 768],
    'first_stage_model.decoder.conv_in.weight': [512, 4, 3, 3],
    'model.diffusion_model.input_blocks.0.0.weight': [320, 4, 3, 3],
    'model.diffusion_model.input_blocks.1.1.proj_in.weight': [320, 320, 1, 1],
    'model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight': [320, 768],
    'model.diffusion_model.time_embed.0.weight': [1280, 320],
  },
  lora: {
    'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.alpha': [],
    'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight': [8, 768],
    'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_up.weight': [320, 8],
  },
  sdxlLora: {
    'lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k.lora_down.weight': [16, 2048],
    'lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k.lora_up.weight': [640, 16],
  },
  vae: {
    'decoder.conv_in.weight': [512, 4, 3, 3],
    'decoder.mid.block_1.norm1.weight': [512],
    'encoder.down.0.block.0.conv1.weight': [128, 128, 3, 3],
  },
  unet: {
    'input_blocks.0.0.weight': [320, 9, 3, 3],
    'input_blocks.1.1.proj_in.weight': [320, 320],
    'input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight': [320, 1024],
    'time_embed.0.weight': [1280, 320],
  },
  textEncoder: {
    'text_model.embeddings.token_embedding.weight': [49408, 1280],
    'text_model.encoder.layers.0.layer_norm1.weight': [1280],
  },
  embedding: { emb_params: [2, 768] },
  flux: { 'double_blocks.0.img_attn.qkv.weight': [9216, 3072], 'single_blocks.0.linear1.weight': [21504, 3072] },
} satisfies Record<string, Record<string, number[]>>

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'featurefusion-library-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Writes a file of these layers below a folder; its data is a hole. */
export function put(
  root: string,
  file: string,
  shapes: Record<string, number[]> = SHAPES.sd1,
  metadata: Record<string, string> = {},
): string {
  const path = join(root, file)
  writeSparse(path, new Map(Object.entries(shapes)), { metadata })
  return path
}

export function putText(root: string, file: string, text: string | Buffer = ''): string {
  const path = join(root, file)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return path
}

/** A PyTorch file of a textual inversion, as A1111's web UI saves it. */
export function putPickledWord(root: string, file: string): string {
  const vectors = tensor({ shape: [1, 4], count: 4, strides: [4, 1] })
  return putText(root, file, torchFile(pickle(dict({ string_to_param: dict({ '*': vectors }) })), { 0: 16 }))
}

/** A pipeline of diffusers, small, complete: that of the reference data. */
export function putPipeline(root: string, folder: string): string {
  const path = join(root, folder)
  cpSync('tests/golden/sd1/pipeline', path, { recursive: true })
  return path
}

/** A repository of Hugging Face's cache, whose snapshot has links to blobs. */
export function putRepository(hub: string, name: string, files: Record<string, Record<string, number[]>>): string {
  const repository = join(hub, `models--${name.replaceAll('/', '--')}`)
  const snapshot = join(repository, 'snapshots', '0123abcd')
  for (const [index, [file, shapes]] of Object.entries(files).entries()) {
    const blob = put(repository, `blobs/${index}`, shapes)
    const path = join(snapshot, file)
    mkdirSync(dirname(path), { recursive: true })
    symlinkSync(relative(dirname(path), blob), path)
  }
  putText(repository, 'refs/main', '0123abcd')
  return snapshot
}
