import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { FusionError } from '../../../contract/errors'
import { SPLITS, type Split } from '../../../contract/evaluate/settings'
import { promptSchema } from '../../../contract/values/prompt'
import { unreadable } from '../../files/reading/file-errors'
import { readJsonObject } from '../../files/reading/json-object'

/** A family of models in one folder: a pipeline, its fine-tunes, and what to measure them with. */
export interface DemoFamily {
  base: { name: string; path: string }
  /** In the order of their names. */
  specialists: { name: string; path: string }[]
  /** Folder of the evaluation set. */
  evaluation: string
  /** Prompts that show what each model knows; the first ones show the most. */
  prompts: string[]
  /** The pictures of the evaluation set that say how good a model of this family is. */
  split: Split
}

const showcaseSchema = z.strictObject({ prompts: z.array(promptSchema).min(1), split: z.enum(SPLITS) })

/**
 * Finds the models of a family by their files alone: the base is the folder with model_index.json, specialists are the
 * others with a unet; demo.json names prompts and split.
 * @throws FusionError 'not-found', 'unreadable', 'malformed'
 */
export async function findDemoFamily(folder: string): Promise<DemoFamily> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw unreadable(folder, cause)
  })
  const folders = entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort()
  const isBase = (name: string): boolean => existsSync(join(folder, name, 'model_index.json'))
  const base = folders.find(isBase)
  const specialists = folders.filter((name) => !isBase(name) && existsSync(join(folder, name, 'unet')))
  if (base === undefined || specialists.length === 0)
    throw new FusionError('not-found', `${folder} has no demo models.`, {
      hint: 'It needs one folder with model_index.json, and others with unet/.',
    })
  return {
    base: { name: base, path: join(folder, base) },
    specialists: specialists.map((name) => ({ name, path: join(folder, name, 'unet') })),
    evaluation: join(folder, 'evaluation'),
    ...(await readShowcase(join(folder, 'demo.json'))),
  }
}

async function readShowcase(path: string): Promise<z.infer<typeof showcaseSchema>> {
  const parsed = showcaseSchema.safeParse(await readJsonObject(path))
  if (parsed.success) return parsed.data
  throw new FusionError('malformed', `${path} does not describe a demo family.`, {
    detail: z.prettifyError(parsed.error),
  })
}
