import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { FusionError, toErrorReport, type ErrorReport } from '../../../contract/errors'
import { checkPrompt } from '../../../contract/values/prompt'
import { unreadable } from '../../files/reading/file-errors'
import { filesBelow } from '../../files/reading/files-below'
import { isThere, readSmallFile, readSmallText } from '../../files/reading/regular-file'
import { SMALL_FILES } from '../../files/reading/small-files'
import { decodePicture, isPictureName } from '../../image/image-file'
import { readParameters } from '../../image/png'
import { SIGNATURE } from '../../image/png-text'
import type { Scorable } from './picture-scores'

/** A picture of somebody's own. */
export interface NamedPicture extends Scorable {
  file: string
}

/** Pictures that can be scored, and why others cannot. */
export interface NamedPictures {
  pictures: NamedPicture[]
  unreadable: { file: string; error: ErrorReport }[]
}

/**
 * Looks at pictures: files, and all that lie below folders. Each is read once, so that one that is damaged is told before
 * anything is scored. Its prompt is what its PNG says, as A1111's web UI writes it, or a .txt of its name beside it.
 * @param prompt of all of them, whatever they say
 * @throws FusionError 'validation' for a prompt that is too long, 'cancelled'
 */
export async function readPictures(paths: readonly string[], prompt?: string): Promise<NamedPictures> {
  if (prompt !== undefined) checkPrompt(prompt)
  const found: NamedPictures = { pictures: [], unreadable: [] }
  const seen = new Set<string>()
  const attempt = async (file: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (error) {
      if (!(error instanceof FusionError)) throw error
      found.unreadable.push({ file, error: toErrorReport(error) })
    }
  }
  for (const path of paths.map((each) => resolve(each)))
    await attempt(path, async () => {
      for (const file of await filesAt(path)) {
        if (seen.has(file)) continue
        seen.add(file)
        await attempt(file, async () => void found.pictures.push(await readPicture(file, prompt)))
      }
    })
  return found
}

async function filesAt(path: string): Promise<string[]> {
  const entry = await stat(path).catch((cause: unknown) => {
    throw unreadable(path, cause)
  })
  return entry.isDirectory() ? (await filesBelow(path)).filter(isPictureName) : [path]
}

/**
 * Looks at one picture. @param prompt absent: what it says itself
 * @throws FusionError 'not-found', 'unreadable', 'unsupported', 'malformed', 'validation'
 */
export async function readPicture(file: string, prompt?: string): Promise<NamedPicture> {
  const bytes = await readSmallFile(file, SMALL_FILES.picture)
  decodePicture(bytes, file)
  return {
    file,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    prompt: prompt ?? (await promptOf(bytes, file)),
    async pixels() {
      const { width, height, data } = decodePicture(await readSmallFile(file, SMALL_FILES.picture), file)
      return { width, height, pixels: data }
    },
  }
}

async function promptOf(bytes: Uint8Array, file: string): Promise<string | null> {
  const isPng = SIGNATURE.every((byte, index) => bytes[index] === byte)
  const own = (isPng ? readParameters(bytes) : undefined)?.prompt.trim()
  const text = `${file.slice(0, file.length - extname(file).length)}.txt`
  const prompt = own || (isThere(text) ? (await readSmallText(text, SMALL_FILES.caption)).trim() : '')
  checkPrompt(prompt, `The prompt of ${file}`)
  return prompt || null
}
