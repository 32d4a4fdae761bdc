// Exports merges and lets diffusers load them: npm run test:interop, with FEATUREFUSION_PYTHON naming the python of an
// environment that has diffusers, transformers, torch, numpy and safetensors.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { projectSchema, type Project } from '../../src-main/contract/document/project'
import { readSafetensors } from '../../src-main/engine/checkpoint/containers/safetensors'
import { encodeHeader } from '../../src-main/engine/checkpoint/containers/safetensors-write'
import { findDemoFamily } from '../../src-main/engine/evaluate/data/demo-family'
import { extractLora } from '../../src-main/engine/extract/extract-lora'
import { fusionSettingsSchema } from '../../src-main/contract/adapter-fusion'
import type { LoraFormat } from '../../src-main/contract/adapter-files'
import { fuseAdapters } from '../../src-main/engine/adapter-fusion/fuse-adapters'
import { openModel, planMerge } from '../../src-main/engine/merge/open-model'
import { runMerge } from '../../src-main/engine/merge/run'

const python = process.env['FEATUREFUSION_PYTHON']
const LAYOUTS = resolve('tests/golden/layouts')
const ALL = ['unet', 'text_encoder', 'vae']

function projectOf(models: readonly string[], method: string, output: object): Project {
  return projectSchema.parse({
    format: 'featurefusion-project',
    version: 1,
    models: models.map((model, index) => ({ name: `model-${index}`, path: model })),
    method: { name: method },
    output,
  })
}

async function exportMerge(models: readonly string[], path: string, method: string, output: object): Promise<string> {
  const project = projectOf(models, method, output)
  const clipVocabulary = resolve('resources/clip/bpe_simple_vocab_16e6.txt.gz')
  await runMerge(await planMerge(project), { path, clipVocabulary })
  return path
}

/** A LoRA of what a specialist changed, and the folder of the base with it merged in. */
async function exportAdapter(base: string, specialist: string, format: LoraFormat, folder: string): Promise<object> {
  const adapter = join(folder, `${format}.safetensors`)
  await extractLora(await openModel(base), await openModel(specialist), {
    path: adapter,
    overwrite: false,
    format,
    type: 'F32',
    kept: { rank: 8 },
  })
  const merged = await exportMerge([base, adapter], join(folder, `${format}-merged`), 'task-arithmetic', {
    dtype: 'fp32',
  })
  return { format, adapter, merged }
}

/** LoRAs of two specialists as one, and the folder of the base with both merged in. */
async function exportFusedAdapter(
  base: string,
  specialists: readonly [string, string],
  format: LoraFormat,
  folder: string,
): Promise<object> {
  const adapters: string[] = []
  for (const [index, specialist] of specialists.entries()) {
    const path = join(folder, `part-${index}.safetensors`)
    const type = { format: 'kohya', type: 'F16', kept: { rank: 4 + 4 * index } } as const
    await extractLora(await openModel(base), await openModel(specialist), { path, overwrite: true, ...type })
    adapters.push(path)
  }
  const project = projectOf([base, ...adapters], 'task-arithmetic', { dtype: 'fp32' })
  const adapter = join(folder, `fused-${format}.safetensors`)
  await fuseAdapters(await planMerge(project), {
    path: adapter,
    format,
    type: 'F32',
    kept: null,
    fusion: fusionSettingsSchema.parse({}),
  })
  const merged = await exportMerge([base, ...adapters], join(folder, `fused-${format}-merged`), 'task-arithmetic', {
    dtype: 'fp32',
  })
  return { format: `fused ${format}`, adapter, merged }
}

/** A Stable Diffusion 1 file as ComfyUI saves it: with a projection that its text encoder does not use. */
async function writeWithProjection(path: string): Promise<string> {
  const source = join(LAYOUTS, 'sd1-ldm.safetensors')
  const { tensors } = await readSafetensors(source)
  const stored = readFileSync(source)
  const projection = {
    name: 'cond_stage_model.transformer.text_projection.weight',
    elementType: 'F32',
    shape: [32, 32],
  } as const
  const header = encodeHeader([...tensors, { ...projection, byteLength: 32 * 32 * 4 }], { format: 'pt' })
  const data = tensors.map(({ offset, byteLength }) => stored.subarray(offset, offset + byteLength))
  writeFileSync(path, Buffer.concat([header, ...data, Buffer.alloc(32 * 32 * 4)]))
  return path
}

if (python === undefined) {
  console.log('skipped: FEATUREFUSION_PYTHON names no python with diffusers')
} else {
  const folder = mkdtempSync(join(tmpdir(), 'featurefusion-interop-'))
  const at = (name: string): string => join(folder, name)
  try {
    const { base, specialists } = await findDemoFamily(resolve('resources/demo'))
    const family = [base.path, ...specialists.slice(0, 3).map(({ path }) => dirname(path))]
    const sources = {
      base: base.path,
      family: family.map((path) => join(path, 'unet', 'diffusion_pytorch_model.safetensors')),
      folder: await exportMerge(family, at('folder'), 'featurefusion', {}),
      file: await exportMerge(family, at('file.safetensors'), 'featurefusion', { layout: 'single-file' }),
      soup: await exportMerge(family, at('soup'), 'soup', {}),
      adapters: [
        await exportAdapter(base.path, specialists[0]!.path, 'kohya', folder),
        await exportAdapter(base.path, specialists[0]!.path, 'peft', folder),
        await exportFusedAdapter(base.path, [specialists[0]!.path, specialists[1]!.path], 'kohya', folder),
        await exportFusedAdapter(base.path, [specialists[0]!.path, specialists[1]!.path], 'peft', folder),
      ],
      converted: [
        {
          path: await exportMerge(
            [join(LAYOUTS, 'sd1-ldm.safetensors'), resolve('tests/golden/sd1/pipeline')],
            at('sd1'),
            'soup',
            { layout: 'diffusers', include: ALL },
          ),
          original: resolve('tests/golden/sd1/pipeline'),
        },
        {
          path: await exportMerge(
            [await writeWithProjection(at('projection.safetensors')), resolve('tests/golden/sd1/pipeline')],
            at('sd1-projection'),
            'soup',
            { layout: 'diffusers', include: ALL },
          ),
          original: resolve('tests/golden/sd1/pipeline'),
        },
        {
          path: await exportMerge(
            [join(LAYOUTS, 'sdxl-ldm-fp16.safetensors'), resolve('tests/golden/sdxl/pipeline')],
            at('sdxl'),
            'weighted-sum',
            { layout: 'diffusers', dtype: 'fp32', include: [...ALL, 'text_encoder_2'] },
          ),
          original: resolve('tests/golden/sdxl/pipeline'),
        },
      ],
    }
    writeFileSync(at('sources.json'), JSON.stringify(sources))
    const { status } = spawnSync(python, [resolve('tests/interop/check.py'), at('sources.json')], { stdio: 'inherit' })
    process.exitCode = status ?? 1
  } finally {
    rmSync(folder, { recursive: true })
  }
}
