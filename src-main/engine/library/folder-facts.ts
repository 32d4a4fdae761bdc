import { stat } from 'node:fs/promises'
import type { ModelFacts } from '../../contract/library'
import { openEither } from '../merge/open-model'
import type { Adapter } from '../adapters/adapter-file'
import type { Checkpoint } from '../checkpoint/model/checkpoint'
import { denoiserOf } from '../checkpoint/denoisers'
import { isOtherFamily } from '../checkpoint/kinds/tensor-kinds'
import { baseOfAdapter, baseOfTextWidth, baseOfUnet, otherBase, withoutArticle } from './base-family'
import { NO_FACTS, words } from './model-facts'

/** A model that is a folder: from the headers and configs of its parts. @throws whatever opening it throws */
export async function folderFacts(path: string): Promise<{ facts: ModelFacts; size: number; time: number }> {
  const opened = await openEither(path)
  const facts = 'modules' in opened ? adapterFacts(opened) : checkpointFacts(opened)
  const times = await Promise.all(opened.files.map(async ({ path: file }) => (await stat(file)).mtimeMs))
  return { facts, size: opened.files.reduce((sum, { size }) => sum + size, 0), time: Math.max(0, ...times) }
}

function adapterFacts({ modules, metadata, title }: Adapter): ModelFacts {
  const tensors = modules.flatMap(({ name, factors }) =>
    Object.entries(factors).map(([factor, tensor]) => ({ ...tensor, name: `${name}.lora_${factor}.weight` })),
  )
  const ranks = modules.flatMap(({ rank }) => rank ?? [])
  const rank = ranks.length > 0 ? Math.max(...ranks) : null
  return { ...NO_FACTS, kind: 'adapter', form: withoutArticle(title), rank, ...words(baseOfAdapter(tensors, metadata)) }
}

function checkpointFacts(checkpoint: Checkpoint): ModelFacts {
  const { components, layout, kind } = checkpoint
  const denoiser = denoiserOf(checkpoint)
  const stored = [...(denoiser?.tensors.values() ?? [])].map((view) => ({ ...view.stored, name: view.name }))
  const base = words(baseOfUnet(stored))
  if (layout === 'diffusers-pipeline') return { ...NO_FACTS, kind: 'diffusers', ...base }
  if (denoiser) return { ...NO_FACTS, kind: 'unet', ...base }
  if (components.has('vae')) return { ...NO_FACTS, kind: 'vae' }
  const text = components.get('text_encoder') ?? components.get('text_encoder_2')
  if (text) {
    const width = text.tensors.get('text_model.embeddings.token_embedding.weight')?.shape[1] ?? 0
    return { ...NO_FACTS, kind: 'text-encoder', ...words(baseOfTextWidth(width)) }
  }
  const form = kind ? withoutArticle(kind.title) : 'tensors of an unknown network'
  return { ...NO_FACTS, kind: 'other', form, ...words(kind && isOtherFamily(kind) ? otherBase(kind.title) : null) }
}
