import { chmod, copyFile, readdir, stat, writeFile } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { FusionError } from '../../../contract/errors'
import { parseSchedulerConfig } from '../../schedulers/shared/config'
import { readClipVocabulary } from '../../tokenizer/vocabulary'
import { readJsonObject } from '../../files/reading/json-object'
import { makeFolder } from '../../files/writing/make-folder'
import { requireOwn } from '../../files/reading/links'
import { readSmallText, requireRegularFile } from '../../files/reading/regular-file'
import { SMALL_FILES } from '../../files/reading/small-files'
import type { Checkpoint, ComponentName } from '../model/checkpoint'
import { unreadable } from '../../files/reading/file-errors'
import { paddingToken, publishedModelIndex, publishedScheduler, tokenizerFolder } from './published-pipeline'

/** Weights in any of the forms in which they lie beside configs, and their indexes. */
const WEIGHTS = /\.(safetensors|bin|ckpt|pt|pth|msgpack|h5|onnx|onnx_data|pb)$|\.index(\.[\w-]+)?\.json$/

/**
 * Writes what a diffusers folder holds beside the weights of the base's components: configs, tokenizer, scheduler, and
 * parts that the program does not model (safety checker, feature extractor), copied from the base. For a base that is a
 * file, which has none of it: configs inferred from its shapes and the published files of its architecture.
 *
 * @param clipVocabulary the bundled table of CLIP's tokens (resources/clip), which a base that is a file needs
 * @returns the files written, absolute
 */
export async function writePipelineFiles(base: Checkpoint, folder: string, clipVocabulary?: string): Promise<string[]> {
  const written: string[] = []
  if (base.layout === 'diffusers-pipeline' || base.layout === 'diffusers-component') {
    await copyTree(base.path, folder, {
      owner: base.path,
      modelled: new Set(base.components.keys()),
      top: true,
      written,
    })
  } else {
    await writePublishedFiles(base, folder, clipVocabulary, written)
  }
  const scheduler = join(folder, 'scheduler', 'scheduler_config.json')
  if (base.stated.chosen && written.includes(scheduler)) {
    const config = parseSchedulerConfig(await readSmallText(scheduler, SMALL_FILES.config), scheduler)
    await writeText(scheduler, toJson({ ...config, prediction_type: base.predictionType }), written)
  }
  for (const [name, { config, tensors }] of base.components) {
    const own = [...tensors.values()].every(({ stored }) => stored.path.startsWith(base.path + sep))
    if (!own && config !== null) await writeText(join(folder, name, 'config.json'), toJson(config), written)
    if (!own) await listInIndex(folder, name, base, written)
  }
  return written
}

/** A part that came from elsewhere (a VAE for a pipeline that had none) is listed where the pipeline lists its parts. */
async function listInIndex(folder: string, name: ComponentName, base: Checkpoint, written: string[]): Promise<void> {
  const path = join(folder, 'model_index.json')
  if (!written.includes(path)) return
  const index = await readJsonObject(path)
  const entry = index[name]
  if (Array.isArray(entry) && typeof entry[1] === 'string') return
  await writeText(path, toJson({ ...index, [name]: publishedModelIndex(base)[name] }), written)
}

async function writePublishedFiles(
  base: Checkpoint,
  folder: string,
  clipVocabulary: string | undefined,
  written: string[],
): Promise<void> {
  await writeText(join(folder, 'model_index.json'), toJson(publishedModelIndex(base)), written)
  await writeText(join(folder, 'scheduler', 'scheduler_config.json'), toJson(publishedScheduler(base)), written)
  const encoders = (['text_encoder', 'text_encoder_2'] as const).filter((name) => base.components.has(name))
  if (encoders.length === 0) return
  if (clipVocabulary === undefined) throw new FusionError('internal', "CLIP's table of tokens was not given.")
  const { ids, merges } = readClipVocabulary(clipVocabulary)
  // Not JSON.stringify of an object, which would put the tokens that look like numbers first.
  const vocabulary = `{${[...ids].map(([token, id]) => `${JSON.stringify(token)}:${id}`).join(',')}}`
  const mergesText = ['#version: 0.2', ...merges.map((pair) => pair.join(' ')), ''].join('\n')
  for (const encoder of encoders) {
    const tokenizer = join(folder, tokenizerFolder(encoder))
    const padToken = paddingToken(encoder, base.architecture)
    await writeText(join(tokenizer, 'vocab.json'), vocabulary, written)
    await writeText(join(tokenizer, 'merges.txt'), mergesText, written)
    await writeText(join(tokenizer, 'special_tokens_map.json'), toJson(specialTokens(padToken)), written)
    await writeText(join(tokenizer, 'tokenizer_config.json'), toJson(tokenizerConfig(padToken)), written)
  }
}

function specialTokens(padToken: string): Record<string, unknown> {
  const token = (content: string) => ({ content, lstrip: false, normalized: true, rstrip: false, single_word: false })
  const end = token('<|endoftext|>')
  return { bos_token: token('<|startoftext|>'), eos_token: end, pad_token: padToken, unk_token: end }
}

function tokenizerConfig(padToken: string): Record<string, unknown> {
  return {
    add_prefix_space: false,
    bos_token: '<|startoftext|>',
    do_lower_case: true,
    eos_token: '<|endoftext|>',
    errors: 'replace',
    model_max_length: 77,
    pad_token: padToken,
    tokenizer_class: 'CLIPTokenizer',
    unk_token: '<|endoftext|>',
  }
}

interface CopyOptions {
  /** The base's folder, out of which no link may lead. */
  owner: string
  /** Folders of components whose weights are written already. */
  modelled: ReadonlySet<string>
  /** Whether this is the base's folder itself. */
  top: boolean
  written: string[]
}

async function copyTree(from: string, to: string, { owner, modelled, top, written }: CopyOptions): Promise<void> {
  makeFolder(to)
  for (const name of await reading(from, () => readdir(from))) {
    if (name.startsWith('.')) continue
    const [source, target] = [join(from, name), join(to, name)]
    // What links point to counts: caches of downloads are folders of links.
    const entry = await reading(source, () => stat(source))
    if (entry.isDirectory()) {
      const inside = modelled.has(name) ? modelled : new Set<string>()
      await copyTree(source, target, { owner, modelled: inside, top: false, written })
      continue
    }
    // Weights of parts that are not modelled are copied; those of components have been written.
    const inComponent = top || modelled.size > 0
    if (inComponent && WEIGHTS.test(name)) continue
    requireRegularFile(source, entry)
    requireOwn(source, owner, 'copy')
    await copyFile(source, target)
    // A copy has the permissions of what was copied: others than the umask says, or read-only.
    await chmod(target, 0o666 & ~process.umask())
    written.push(target)
  }
}

async function reading<T>(path: string, call: () => Promise<T>): Promise<T> {
  return call().catch((cause: unknown) => {
    throw unreadable(path, cause)
  })
}

async function writeText(path: string, text: string, written: string[]): Promise<void> {
  makeFolder(dirname(path))
  await writeFile(path, text)
  if (!written.includes(path)) written.push(path)
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
