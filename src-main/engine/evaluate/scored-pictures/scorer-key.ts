import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { clipOfAesthetic, type ScorerFiles, type ScorerName } from '../../../contract/evaluate/scores/scorers'
import { hashFile } from '../../checkpoint/hash'
import { digest } from '../../files/kept/digest'
import { unreadable } from '../../files/reading/file-errors'
import { filesBelow } from '../../files/reading/files-below'
import { isThere } from '../../files/reading/regular-file'
import { RUNTIME_VERSION, type Provider } from '../../runtime/session'

/** Part of every key: other arithmetic is another key. */
const FORMAT = 1
/** Tokenizers and configurations that lie beside a single file of weights. */
const BESIDE = ['vocab.json', 'merges.txt', 'open_clip_config.json', 'med_config.json', 'vocab.txt']

/**
 * What a scorer's numbers depend on beside picture and prompt: the contents of its files, and what computes.
 * @throws FusionError 'not-found', 'unreadable', 'validation' (links that lead out of a folder), 'cancelled'
 */
export async function scorerKey(
  name: ScorerName,
  files: ScorerFiles,
  { provider, ...hashing }: { provider: Provider; cacheFolder: string; signal?: AbortSignal },
): Promise<string> {
  const paths = [files[name], name === 'aesthetic' ? clipOfAesthetic(files) : null]
  const hashes: string[] = []
  for (const path of paths)
    for (const file of path === null ? [] : await filesAt(path)) hashes.push(await hashFile(file, hashing))
  return digest([FORMAT, RUNTIME_VERSION, provider, name, hashes])
}

/** The files below a folder, or a file with what lies beside it. */
async function filesAt(path: string): Promise<string[]> {
  const entry = await stat(path).catch((cause: unknown) => {
    throw unreadable(path, cause)
  })
  if (!entry.isDirectory())
    return [path, ...BESIDE.map((name) => join(dirname(path), name)).filter((file) => isThere(file))]
  return filesBelow(path)
}
