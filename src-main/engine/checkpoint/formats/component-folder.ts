import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { FusionError } from '../../../contract/errors'
import type { Problem } from '../model/checkpoint'
import type { StoredTensor, WeightsContainer } from '../containers/container'
import { readJsonObject } from '../../files/reading/json-object'
import { requireOwn } from '../../files/reading/links'
import { SMALL_FILES } from '../../files/reading/small-files'
import { unreadable } from '../../files/reading/file-errors'
import { openContainer, openWeights } from '../containers/open-container'
import { withScales } from '../containers/derived/scaled-weights'

const NAME = '(?:diffusion_pytorch_model|pytorch_model|model)'
const ENDING = '(safetensors|bin|pt|pth|ckpt)'
const WEIGHTS = new RegExp(`^${NAME}(?:\\.([\\w-]+))?\\.${ENDING}$`)
const SHARD = new RegExp(`-\\d{5}-of-\\d{5}(?:\\.[\\w-]+)?\\.${ENDING}$`)
const INDEX = new RegExp(`^${NAME}(?:\\.([\\w-]+))?\\.${ENDING}\\.index(?:\\.([\\w-]+))?\\.json$`)
const SHARD_IN_INDEX = new RegExp(`^[^/\\\\\\p{Cc}]+\\.${ENDING}$`, 'u')

/** The weights and config.json of one component's folder. */
export interface ComponentFolder {
  config: Record<string, unknown> | null
  files: WeightsContainer[]
  tensors: readonly StoredTensor[]
  problems: Problem[]
}

interface Candidate {
  file: string
  variant: string
  sharded: boolean
  isPickle: boolean
}

/**
 * Reads the headers of a component's folder as diffusers and transformers name its files: `diffusion_pytorch_model`,
 * `model` or (PyTorch's own) `pytorch_model`, a variant (`fp16`, `bf16` …), one file or shards with an index. Of several
 * the plain one is taken, with a warning; PyTorch's only where the same variant is in no safetensors file.
 *
 * @param owner the model's folder, out of which no link may lead (requireOwn)
 * @returns undefined where the folder holds no such file
 * @throws FusionError 'malformed' or 'not-found' for an index that does not fit its shards; whatever reading a header
 * throws
 */
export async function readComponentFolder(folder: string, owner = folder): Promise<ComponentFolder | undefined> {
  const entries = await listFolder(folder)
  const candidates = [...entries].flatMap(toCandidate).sort((a, b) => rank(a) - rank(b) || (a.file < b.file ? -1 : 1))
  const [chosen, ...others] = withoutSecondForms(candidates)
  if (!chosen) {
    const shard = [...entries].find((name) => SHARD.test(name))
    if (shard) {
      throw new FusionError('malformed', `${folder} holds shards (${shard}) without an index.`, {
        hint: 'Add the index (.safetensors.index.json or .bin.index.json) that belongs to them.',
      })
    }
    return undefined
  }
  const problems: Problem[] = []
  if (others.length > 0) {
    const names = others.map(({ file }) => file).join(', ')
    problems.push({ severity: 'warning', message: `${folder}: ${chosen.file} is used; beside it lie ${names}.` })
  }
  const config = entries.has('config.json') ? await readOwnConfig(join(folder, 'config.json'), owner) : null
  if (chosen.sharded) return { config, problems, ...(await readShards(folder, owner, chosen.file, problems)) }
  const file = await readOwnWeights(join(folder, chosen.file), owner)
  problems.push(...leftAside(file))
  return { config, problems, files: [file], tensors: file.tensors }
}

/** What a file holds beside its tensors, to tell of. */
export function leftAside({ file, leftAside }: WeightsContainer): Problem[] {
  return leftAside.map((what) => ({ severity: 'warning', message: `${file.path}: left aside is ${what}.` }))
}

/** The names in a folder. */
export async function listFolder(folder: string): Promise<Set<string>> {
  try {
    return new Set(await readdir(folder))
  } catch (cause) {
    throw unreadable(folder, cause)
  }
}

/** A JSON file of a model's folder. @throws FusionError 'validation' for a link out of it, and what reading throws */
export async function readOwnConfig(path: string, owner: string): Promise<Record<string, unknown>> {
  requireOwn(path, owner, 'read')
  return readJsonObject(path, SMALL_FILES.config)
}

async function readOwnWeights(path: string, owner: string): Promise<WeightsContainer> {
  requireOwn(path, owner, 'read')
  return openWeights(path)
}

/** As it is stored: the index names the scales of weights, too. */
async function readOwnShard(path: string, owner: string): Promise<WeightsContainer> {
  requireOwn(path, owner, 'read')
  return openContainer(path)
}

function toCandidate(file: string): Candidate[] {
  const index = INDEX.exec(file)
  if (index) return [{ file, variant: index[1] ?? index[3] ?? '', sharded: true, isPickle: isPickle(index[2]) }]
  const weights = SHARD.test(file) ? null : WEIGHTS.exec(file)
  return weights ? [{ file, variant: weights[1] ?? '', sharded: false, isPickle: isPickle(weights[2]) }] : []
}

function isPickle(ending: string | undefined): boolean {
  return ending !== 'safetensors'
}

/** Repositories hold the same weights in both forms: of a variant, PyTorch's only where there is no safetensors file. */
function withoutSecondForms(candidates: readonly Candidate[]): Candidate[] {
  const safe = new Set(candidates.flatMap(({ variant, isPickle }) => (isPickle ? [] : [variant])))
  return candidates.filter(({ variant, isPickle }) => !isPickle || !safe.has(variant))
}

/** Plain before fp16 before others; the training's own weights (non_ema) last; one file before shards. */
function rank({ variant, sharded }: Candidate): number {
  const order = ['', 'fp16', 'bf16'].indexOf(variant)
  return 2 * (order >= 0 ? order : variant.includes('non_ema') ? 4 : 3) + Number(sharded)
}

async function readShards(
  folder: string,
  owner: string,
  indexFile: string,
  problems: Problem[],
): Promise<Pick<ComponentFolder, 'files' | 'tensors'>> {
  const indexPath = join(folder, indexFile)
  const weightMap = (await readOwnConfig(indexPath, owner)).weight_map
  const fail = (what: string) =>
    new FusionError('malformed', `${indexPath} ${what}.`, { hint: 'Download all files of the model again.' })
  if (typeof weightMap !== 'object' || weightMap === null || Array.isArray(weightMap)) throw fail('has no weight_map')
  const shardOf = new Map<string, string>()
  for (const [tensor, shard] of Object.entries(weightMap)) {
    if (typeof shard !== 'string' || !SHARD_IN_INDEX.test(shard)) {
      throw fail(`names no file of this folder for tensor ${tensor}`)
    }
    shardOf.set(tensor, shard)
  }
  const files: WeightsContainer[] = []
  const tensors: StoredTensor[] = []
  const found = new Set<string>()
  for (const shard of [...new Set(shardOf.values())].sort()) {
    const file = await readOwnShard(join(folder, shard), owner).catch((error: unknown) => {
      throw error instanceof FusionError && error.kind === 'not-found' ? fail(`names a missing shard, ${shard}`) : error
    })
    files.push(file)
    problems.push(...leftAside(file))
    for (const tensor of file.tensors) {
      const place = shardOf.get(tensor.name)
      if (place === undefined || place === shard) tensors.push(tensor)
      if (place === shard) found.add(tensor.name)
    }
    const unplaced = file.tensors.filter(({ name }) => shardOf.get(name) !== shard).length
    if (unplaced > 0) {
      const message = `${file.file.path} holds ${unplaced} tensors that ${indexFile} does not place there.`
      problems.push({ severity: 'warning', message })
    }
  }
  const lost = [...shardOf].find(([name]) => !found.has(name))
  if (lost) throw fail(`places tensor ${lost[0]} in ${lost[1]}, which does not hold it`)
  if (files.length === 0) throw fail('names no shard')
  // A weight and its scale may lie in two shards.
  const metadata = Object.assign({}, ...files.map((file) => file.metadata)) as WeightsContainer['metadata']
  return { files, tensors: withScales({ ...files[0]!, metadata, tensors }).tensors }
}
