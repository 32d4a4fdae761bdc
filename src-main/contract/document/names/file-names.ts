import { FusionError } from '../../errors'
import { PROJECT_SUFFIX } from './model-names'

/** By which every program knows what a file is. */
export const ENDINGS = { project: PROJECT_SUFFIX, weights: '.safetensors', picture: '.png' } as const

const FORBIDDEN = /[<>:"/\\|?*]/
/** Devices of Windows, whatever ending follows. */
const DEVICE = /^(con|prn|aux|nul|com[1-9]|lpt[1-9])(\.|$)/i
/** As systems have it, in bytes. */
const LONGEST = 255

/** Why a file or folder cannot have this name on every system, in words; null where it can. */
export function nameProblem(name: string): string | null {
  if (name.trim() === '') return 'Give it a name.'
  const forbidden = FORBIDDEN.exec(name)?.[0]
  if (forbidden === '/' || forbidden === '\\') return `A name cannot contain “${forbidden}”: choose the folder first.`
  if (forbidden !== undefined) return `A name cannot contain “${forbidden}”, which Windows forbids.`
  if ([...name].some((character) => character < ' ')) return 'A name cannot contain control characters.'
  const device = DEVICE.exec(name)?.[1]
  if (device !== undefined) return `Windows keeps the name ${device} for a device: choose another one.`
  if (/[. ]$/.test(name)) return 'A name cannot end in a dot or a space: Windows forbids it.'
  if (new TextEncoder().encode(name).length > LONGEST)
    return `A name has at most ${LONGEST} bytes: choose a shorter one.`
  return null
}

/** The name with an ending, which it gets where it has none; a project's `.json` becomes `.fusion.json`. */
export function withEnding(name: string, ending: string): string {
  if (name.toLowerCase().endsWith(ending)) return name
  return ending === PROJECT_SUFFIX && /\.json$/i.test(name) ? name.slice(0, -'.json'.length) + ending : name + ending
}

/**
 * The path under which something is written: with its ending.
 * @param ending null: it is a folder, or what it is called is decided elsewhere
 * @throws FusionError 'target' for a name that some system forbids
 */
export function targetName(path: string, ending: string | null): string {
  const name = /[^/]*$/.exec(path)![0]
  if (name === '' || name === '.' || name === '..') {
    if (ending === null) return path
    throw new FusionError('target', `${path} names a folder; a file is to be written.`, { hint: 'Name a file in it.' })
  }
  // Windows' own paths divide by backslashes, too.
  const own = /^[a-z]:\\|^\\\\/i.test(path) ? path.split('\\').at(-1)! : name
  const named = ending === null ? own : withEnding(own, ending)
  const problem = nameProblem(own) ?? nameProblem(named)
  if (problem !== null) throw new FusionError('target', `${own} cannot be the name of a file.`, { hint: problem })
  return path.slice(0, path.length - own.length) + named
}
