import { readdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Command } from 'commander'
import { isWeightsName } from '../../../contract/document/names/model-names'
import {
  isTampered,
  verifyExport,
  type ExportVerification,
  type Proof,
  type VerifiedFile,
} from '../../../engine/merge/plan/export/verify-export'
import { EXIT, lines, printResult, runCommand, type CommonOptions } from '../../output/output'

interface VerifyOptions extends CommonOptions {
  sources: string[]
}

/** `featurefusion verify`: computes all hashes anew, and says what they prove and whether the sources are at hand. */
export function addVerifyCommand(program: Command): void {
  program
    .command('verify <file>')
    .description('check an export: data, names, files and recipe, and whether the sources of the recipe are there')
    .option(
      '--sources <folder>',
      "where to look for sources (default: the file's folder)",
      (value: string, all: string[]) => [...all, value],
      [] as string[],
    )
    .option('--json', 'results as JSON')
    .action((path: string, options: VerifyOptions) =>
      runCommand(options, async (signal) => {
        const folders = options.sources.length > 0 ? options.sources : [dirname(resolve(path))]
        const candidates = (await Promise.all(folders.map(weightFiles))).flat()
        const result = await verifyExport(path, candidates, signal)
        const { files } = result
        const data = {
          path: files[0]!.path,
          sha256: files[0]!.sha256,
          intact: !isTampered(result),
          dataIntact: together(files.map((file) => file.data)),
          namesIntact: together(files.map((file) => file.names)),
          recipeIntact: recipeProof(result),
          filesIntact: filesProof(result),
          ...result,
        }
        printResult(options, data, () => inWords(result))
        if (isTampered(result)) process.exitCode = EXIT.failed
      }),
    )
}

/** Proven where all are, refuted where one is. */
function together(proofs: readonly Proof[]): Proof {
  return proofs.includes(false) ? false : proofs.includes(null) ? null : true
}

/** Of the files that carry one. */
function recipeProof({ files, recipe, sameRecipe }: ExportVerification): Proof {
  if (!sameRecipe || files.some(({ metadata }) => metadata === false)) return false
  return recipe && files.some(({ metadata }) => metadata === true) ? true : null
}

function filesProof({ folder }: ExportVerification): Proof {
  return folder && folder.missing.length + folder.changed.length + folder.added.length === 0 ? true : folder && false
}

async function weightFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true }).catch(() => [])
  const paths = entries.filter(isWeightsName).map((entry) => join(folder, entry))
  const found = await Promise.all(paths.map((path) => stat(path).catch(() => null)))
  return paths.filter((_, index) => found[index]?.isFile())
}

function inWords(result: ExportVerification): string {
  const { files, recipe, sources, sameRecipe } = result
  const missing = sources.filter(({ foundAt }) => foundAt === null).length
  return lines([
    ...files.flatMap(fileInWords),
    ...folderInWords(result),
    ...(recipe
      ? [`Recipe   ${recipe.method} of ${recipe.models.map(({ name }) => name).join(', ')}`]
      : ['Recipe   none of this program']),
    ...(sameRecipe ? [] : ['         NOT the same in all files']),
    ...(recipe ? [`Sources  ${sources.length - missing} of ${sources.length} found`] : []),
    ...sources.map(({ name, sha256, foundAt, otherAt }) => {
      const place = foundAt ?? (otherAt === null ? 'not found' : `not found; ${otherAt} has other contents`)
      return `  ${name} [${sha256.slice(0, 10)}]: ${place}`
    }),
  ])
}

function fileInWords({ path, sha256, data, names, metadata }: VerifiedFile): string[] {
  return [
    path,
    `  sha256   ${sha256}`,
    `  data     ${proofInWords(data)}`,
    `  names    ${proofInWords(names)}`,
    `  metadata ${proofInWords(metadata)}`,
  ]
}

function proofInWords(proof: Proof): string {
  if (proof === null) return 'not checked: there is no record of what was written'
  return proof ? 'as they were written' : 'NOT what was written'
}

function folderInWords({ isFolder, folder }: ExportVerification): string[] {
  if (!isFolder) return []
  if (!folder) return ['Files    not checked: there is no list of what was written']
  const lines = [
    ...folder.missing.map((name) => `  MISSING ${name}`),
    ...folder.changed.map((name) => `  CHANGED ${name}`),
    ...folder.added.map((name) => `  ADDED   ${name}`),
  ]
  return lines.length === 0 ? ['Files    all there, and no others'] : ['Files    NOT those that were written', ...lines]
}
