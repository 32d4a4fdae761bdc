import { existsSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { z } from 'zod'
import type { TaskOf } from '../../contract/protocol/compute-tasks'
import { readingOf, type ModelEntry, type Project } from '../../contract/document/project'
import { promptSchema } from '../../contract/values/prompt'
import { seedSchema } from '../../contract/values/seed'
import { isDenoiser } from '../../contract/values/denoisers'
import type { Adapter } from '../../engine/adapters/adapter-file'
import type { Checkpoint } from '../../engine/checkpoint/model/checkpoint'
import { digest } from '../../engine/files/kept/digest'
import { readJsonFile } from '../files/json-file'
import { SHIPPED_URL } from '../files/interface-files'
import { quickPicture } from '../previews/quick-picture'

/** Beside the pictures that were drawn in advance: the settings with which they were. */
const SHIPPED_SETTINGS = 'pictures.json'

/** What a card's picture is drawn with: of the project's first prompt and seed. */
const cardSettingsSchema = z.strictObject({
  prompt: promptSchema,
  negativePrompt: promptSchema,
  seed: seedSchema,
  steps: z.number(),
  guidance: z.number(),
  scheduler: z.string(),
})
export type CardSettings = z.infer<typeof cardSettingsSchema>

/** Null for a project without prompts. */
export function cardSettings({ preview }: Pick<Project, 'preview'>): CardSettings | null {
  const [prompt] = preview.prompts
  if (prompt === undefined || prompt.trim() === '') return null
  return { prompt, ...quickPicture(preview) }
}

/** A model and the base of its project, of which all weights are known by their hashes. */
export interface HashedModel {
  sha256: string
  baseSha256: string
  /** Of the settings of both (settingsHash). */
  settingsSha256: string | null
  entry: ModelEntry
  project: Project
}

/** The name of a model in caches: equal for equal weights and settings, wherever they lie. */
export function modelKey({ sha256, baseSha256, settingsSha256, entry, project }: HashedModel): string {
  const settings = settingsSha256 === null ? [] : [settingsSha256]
  return digest([1, sha256, baseSha256, entry.strengths ?? null, readingOf(project), ...settings])
}

/** The same of a picture that it draws. */
export function pictureKey(model: string, settings: CardSettings): string {
  return digest([model, settings])
}

/** What draws a picture of a model into a file. */
export function drawingTask(
  model: HashedModel,
  settings: CardSettings,
  file: string,
): Omit<TaskOf<'card-picture'>, 'device'> {
  const { entry, project } = model
  return {
    type: 'card-picture',
    model: {
      key: `card ${modelKey(model)}`,
      path: entry.path,
      base: project.models[0]!.path,
      merge: null,
      ...(entry.strengths && { strengths: entry.strengths }),
      ...readingOf(project),
    },
    picture: { ...settings, file },
  }
}

/** What measures how far a model is from its base. */
export function ancestryTask({ entry, project }: HashedModel): TaskOf<'ancestry'> {
  return {
    type: 'ancestry',
    base: project.models[0]!.path,
    path: entry.path,
    ...(entry.strengths && { strengths: entry.strengths }),
    ...readingOf(project),
  }
}

/** Why a model cannot draw, as a sentence; null where it can. */
export function hindrance(model: Checkpoint | Adapter, base: Checkpoint | Adapter): string | null {
  if ('modules' in base) return 'The base is an adapter: there is nothing that it could change.'
  const lacks = (['text_encoder', 'vae'] as const).filter((name) => !base.components.has(name))
  if (lacks.length > 0) return `Not drawn: the base has no ${lacks.map((name) => WORDS[name]).join(' and no ')}.`
  const draws = 'modules' in model || [...model.components.keys()].some(isDenoiser)
  return draws ? null : 'Not drawn: it has no UNet.'
}

const WORDS = { text_encoder: 'text encoder', vae: 'VAE' } as const

/** Pictures of the demo that were drawn in advance. */
export class ShippedPictures {
  private settings: Promise<CardSettings | null> | undefined

  /** @param demoFolder of the demo family */
  constructor(private readonly demoFolder: string) {}

  get folder(): string {
    return join(this.demoFolder, 'pictures')
  }

  /** The address of a model's picture; null where it has none that shows what is asked for. */
  async urlOf({ path, strengths }: ModelEntry, project: Project, wanted: CardSettings): Promise<string | null> {
    const [name, ...rest] = relative(this.demoFolder, path).split(sep)
    const isOwn = name !== undefined && /^[\w-]+$/.test(name) && rest.length <= 1
    if (!isOwn || strengths || Object.keys(readingOf(project)).length > 0) return null
    this.settings ??= readJsonFile(join(this.folder, SHIPPED_SETTINGS), cardSettingsSchema)
    const shipped = await this.settings
    if (shipped === null || JSON.stringify(shipped) !== JSON.stringify(cardSettingsSchema.parse(wanted))) return null
    return existsSync(join(this.folder, `${name}.png`)) ? `${SHIPPED_URL}${name}.png` : null
  }
}
