import { join } from 'node:path'
import { z } from 'zod'
import { digest } from '../../files/kept/digest'
import { RUNTIME_VERSION } from '../../runtime/session'
import { describeEvaluationSet } from '../data/evaluation-set'
import type { ChosenDomain } from '../data/splits'
import { byState, type FileIdentity } from '../file-identity'
import { modelParts, type KeyedModel, type ModelSurroundings } from '../model-key'

/** Part of every key: other arithmetic is another key. */
const FORMAT = 3

/** What is kept of a model's losses on one domain. */
export const domainLossesSchema = z.object({
  /** By picture and timestep. JSON writes what is not finite as null: a network that is ruined is not measured again. */
  losses: z.array(z.array(z.union([z.number(), z.null().transform(() => NaN)]))),
  /** That merging took; null for a model that was there. */
  seconds: z.number().nullable(),
})
export type DomainLosses = z.infer<typeof domainLossesSchema>

/** What losses depend on beside the model. */
export interface Measurement extends ModelSurroundings {
  /** Folder of the data. */
  folder: string
  chosen: readonly ChosenDomain[]
  seed: number
}

/** The key of a model's or a merge's losses; it changes with every file behind it. */
export async function lossKeyOf(model: KeyedModel, on: Measurement, identity: FileIdentity = byState): Promise<string> {
  return keyOn(model, await modelParts(model, on, identity), on, identity)
}

/** The same on each of some domains, by its name: the files behind the model are looked at once. */
export async function lossKeysOf(
  model: KeyedModel,
  on: Measurement,
  identity: FileIdentity = byState,
): Promise<Map<string, string>> {
  const parts = await modelParts(model, on, identity)
  const keys = new Map<string, string>()
  for (const domain of on.chosen)
    keys.set(domain.name, await keyOn(model, parts, { ...on, chosen: [domain] }, identity))
  return keys
}

async function keyOn(
  model: KeyedModel,
  { path, made, files, others }: Awaited<ReturnType<typeof modelParts>>,
  on: Measurement,
  identity: FileIdentity,
): Promise<string> {
  const chosen = on.chosen.map(({ name, pictures }) => ({
    name,
    pictures: pictures.map(({ index, picture: { file, ...picture } }) => ({
      index,
      picture: { ...picture, ...(file !== undefined && { file: identity.path(file) }) },
    })),
  }))
  const parts = [
    FORMAT,
    RUNTIME_VERSION,
    path,
    made,
    files,
    others,
    chosen,
    await dataParts(on, identity),
    on.seed,
    on.provider,
    on.prediction,
    ...(on.ema === undefined ? [] : [on.ema]),
    ...(model.strengths ? [model.strengths] : []),
  ]
  return digest(parts)
}

/** Of the pictures' files, or where they have none of their own, of the set's. */
async function dataParts({ folder, chosen }: Measurement, identity: FileIdentity): Promise<unknown> {
  const pictures = chosen.flatMap((domain) => domain.pictures.flatMap(({ picture }) => picture.file ?? []))
  const files = pictures.length > 0 ? pictures : await filesOfSet(folder, chosen)
  const parts: unknown[] = []
  for (const file of files) parts.push(await identity.file(file, folder))
  return parts
}

async function filesOfSet(folder: string, chosen: readonly ChosenDomain[]): Promise<string[]> {
  const { domains } = await describeEvaluationSet(folder)
  const own = domains.filter(({ name }) => chosen.some((domain) => domain.name === name))
  return ['evaluation.json', ...own.map(({ file }) => file)].map((name) => join(folder, name))
}
