import { join } from 'node:path'
import { z } from 'zod'
import { FusionError } from '../../../contract/errors'
import { parseJson } from '../../../contract/values/json-text'
import { promptSchema } from '../../../contract/values/prompt'
import type { StoredTensor } from '../../checkpoint/containers/container'
import { readSafetensors } from '../../checkpoint/containers/safetensors'
import { readFloats, readIntegers } from '../../checkpoint/containers/stored-values'
import { requireOwn } from '../../files/reading/links'
import { ownFile } from '../../files/reading/own-file'
import { readSmallText } from '../../files/reading/regular-file'
import { SMALL_FILES } from '../../files/reading/small-files'

const pictureSchema = z.object({
  caption: promptSchema,
  split: z.string(),
  /** Where the picture lies, if it is a file of its own. */
  file: z.string().optional(),
})
const descriptionSchema = z.object({
  timesteps: z.array(z.number().int().nonnegative()).min(1),
  noises: z.number().int().positive(),
  domains: z.record(
    z.string(),
    z.object({ file: z.string(), pictures: z.array(pictureSchema.omit({ file: true })).min(1) }),
  ),
})

export type EvaluationPicture = z.infer<typeof pictureSchema>

/** One domain's pictures as latents, with fixed noise. */
export interface EvaluationDomain {
  name: string
  pictures: EvaluationPicture[]
  /** Channels, height and width of the latents. */
  shape: readonly [channels: number, height: number, width: number]
  /** [pictures, channels, height, width], times the VAE's scaling factor. */
  latents: Float32Array
  /** [pictures, noises, channels, height, width] */
  noise: Float32Array
  /** One prompt per picture, as token ids; absent where the captions are the prompts. */
  inputIds?: number[][]
}

/** Held-out and training pictures of every domain; timestep number i uses noise i % noises of each picture. */
export interface EvaluationSet {
  timesteps: number[]
  noises: number
  domains: EvaluationDomain[]
}

/** What evaluation.json says, before any tensor is read. */
export interface EvaluationDescription {
  timesteps: number[]
  noises: number
  domains: { name: string; file: string; pictures: EvaluationPicture[] }[]
}

/**
 * Reads evaluation.json of an evaluation set: timesteps, noises, domains with file and pictures.
 * @throws FusionError 'not-found', 'malformed'
 */
export async function describeEvaluationSet(folder: string): Promise<EvaluationDescription> {
  const path = join(folder, 'evaluation.json')
  requireOwn(path, folder, 'read')
  const text = await readSmallText(path, SMALL_FILES.captions)
  const parsed = descriptionSchema.safeParse(parseJson(text))
  if (!parsed.success)
    throw new FusionError('malformed', `${path} is not an evaluation set.`, { detail: z.prettifyError(parsed.error) })
  const { timesteps, noises, domains } = parsed.data
  for (const { file } of Object.values(domains)) ownFile(folder, file, path)
  return { timesteps, noises, domains: Object.entries(domains).map(([name, domain]) => ({ name, ...domain })) }
}

/**
 * Reads an evaluation set: a folder with evaluation.json and one safetensors file per domain (latents, noise,
 * input_ids).
 * @throws FusionError 'not-found', 'malformed', 'unsupported'
 */
export async function readEvaluationSet(folder: string): Promise<EvaluationSet> {
  const { timesteps, noises, domains } = await describeEvaluationSet(folder)
  const read = domains.map(({ name, file, pictures }) => {
    const path = ownFile(folder, file, 'evaluation.json')
    requireOwn(path, folder, 'read')
    return readDomain(name, path, pictures, noises)
  })
  return { timesteps, noises, domains: await Promise.all(read) }
}

/** Captions of an evaluation set: the first of every domain (of some, where `most` allows fewer), then the second. */
export function promptsOf(
  { domains }: { domains: readonly { pictures: EvaluationPicture[] }[] },
  most: number,
): string[] {
  const rounds = Math.max(1, Math.floor(most / domains.length))
  const every = Math.max(1, domains.length / most)
  const chosen = domains.filter((_, index) => Math.floor(index / every) !== Math.floor((index - 1) / every))
  const captions = chosen.flatMap(({ pictures }) => pictures.slice(0, rounds).map(({ caption }) => caption))
  return [...new Set(captions)]
}

async function readDomain(
  name: string,
  path: string,
  pictures: EvaluationPicture[],
  noises: number,
): Promise<EvaluationDomain> {
  const { tensors } = await readSafetensors(path)
  const tensor = (wanted: string, rank: number, start: readonly number[]): StoredTensor => {
    const found = tensors.find((candidate) => candidate.name === wanted)
    if (found?.shape.length === rank && start.every((size, axis) => found.shape[axis] === size)) return found
    const shape = found ? `has the shape [${found.shape.join()}]` : 'is missing'
    throw new FusionError('malformed', `${path}: ${wanted} ${shape}; evaluation.json asks for [${start.join()}, …].`)
  }
  const latents = tensor('latents', 4, [pictures.length])
  const [, channels, height, width] = latents.shape as [number, number, number, number]
  const noise = tensor('noise', 5, [pictures.length, noises, channels, height, width])
  const ids = tensor('input_ids', 2, [pictures.length])
  const tokens = ids.shape[1]!
  const flat = readIntegers(ids)
  return {
    name,
    pictures,
    shape: [channels, height, width],
    latents: readFloats(latents),
    noise: readFloats(noise),
    inputIds: pictures.map((_, index) => flat.slice(index * tokens, (index + 1) * tokens)),
  }
}
