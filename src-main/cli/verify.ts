import { createHash } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Command } from 'commander'
import { FusionError } from '../contract/errors'
import { RECIPE_KEY } from '../engine/checkpoint/describe'
import { hashFile } from '../engine/checkpoint/hash'
import { openCheckpoint } from '../engine/checkpoint/open'
import { readSafetensors } from '../engine/checkpoint/safetensors'
import { openRegularFile } from '../engine/files/regular-file'
import { DATA_HASH_KEY, type Recipe } from '../engine/merge/recipe'
import { cacheFolder } from './folders'
import { EXIT, printResult, runCommand, type CommonOptions, lines } from './output'

interface VerifyOptions extends CommonOptions {
  sources: string[]
}

interface Verification {
  path: string
  sha256: string
  /** Whether the tensor data are those that were written; null where the file does not say. */
  dataIntact: boolean | null
  recipe: Recipe | null
  /** The recipe's sources: where a file with that name and hash lies, or null. */
  sources: { name: string; sha256: string; foundAt: string | null }[]
}

/** `featurefusion verify`: recomputes hashes, reads the recipe, and says whether its sources are at hand. */
export function addVerifyCommand(program: Command): void {
  program
    .command('verify <file>')
    .description("check an export: its hash, its recipe, and whether the recipe's sources are at hand")
    .option(
      '--sources <folder>',
      "where to look for sources (default: the file's folder)",
      (value: string, all: string[]) => [...all, value],
      [] as string[],
    )
    .option('--json', 'results as JSON')
    .action((path: string, options: VerifyOptions) =>
      runCommand(options, async (signal) => {
        const checkpoint = await openCheckpoint(path)
        const [file] = checkpoint.files
        if (!file) throw new FusionError('not-found', `${path} has no weights.`)
        const sha256 = await hashFile(file.path, { cacheFolder: cacheFolder(), signal })
        const expected = checkpoint.metadata[DATA_HASH_KEY]
        const dataIntact = expected === undefined ? null : expected === `0x${await dataHash(file.path)}`
        const recipe = parseRecipe(checkpoint.metadata[RECIPE_KEY])
        const folders = options.sources.length > 0 ? options.sources : [dirname(checkpoint.path)]
        const wanted = recipe ? [...recipe.models.flatMap(({ files }) => files), ...(recipe.vae ?? [])] : []
        const candidates = (await Promise.all(folders.map((folder) => weightFiles(folder)))).flat()
        const sources: Verification['sources'] = []
        for (const source of wanted) sources.push({ ...source, foundAt: await find(source, candidates, signal) })
        const result: Verification = { path: file.path, sha256, dataIntact, recipe, sources }
        printResult(options, result, () => inWords(result))
        if (dataIntact === false) process.exitCode = EXIT.failed
      }),
    )
}

/** sha256 of the bytes behind the header (modelspec.hash_sha256). */
async function dataHash(path: string): Promise<string> {
  const { tensors } = await readSafetensors(path)
  const start = Math.min(...tensors.map(({ offset }) => offset))
  const hash = createHash('sha256')
  const file = await openRegularFile(path)
  for await (const chunk of file.createReadStream({ start })) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

function parseRecipe(text: string | undefined): Recipe | null {
  if (text === undefined) return null
  try {
    return JSON.parse(text) as Recipe
  } catch (cause) {
    throw new FusionError('malformed', 'The recipe in the file is not JSON.', { cause })
  }
}

async function weightFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true }).catch(() => [])
  return entries.filter((entry) => entry.endsWith('.safetensors')).map((entry) => join(folder, entry))
}

async function find(
  { name, sha256 }: { name: string; sha256: string },
  candidates: readonly string[],
  signal: AbortSignal,
): Promise<string | null> {
  for (const path of candidates.filter((candidate) => basename(candidate) === name)) {
    if ((await stat(path)).isFile() && (await hashFile(path, { cacheFolder: cacheFolder(), signal })) === sha256)
      return path
  }
  return null
}

function inWords({ path, sha256, dataIntact, recipe, sources }: Verification): string {
  const state =
    dataIntact === null
      ? 'carries no hash of its data'
      : dataIntact
        ? 'data are intact'
        : 'data are NOT what was written'
  return lines([
    `${path}: ${state}`,
    `sha256 ${sha256}`,
    recipe
      ? `Recipe: ${recipe.method} of ${recipe.models.map((model) => model.name).join(', ')}`
      : 'No recipe of ours.',
    ...sources.map(({ name, sha256: hash, foundAt }) => `  ${name} [${hash.slice(0, 10)}]: ${foundAt ?? 'not found'}`),
  ])
}
