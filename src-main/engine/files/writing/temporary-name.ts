import { createHash } from 'node:crypto'
import { hostname } from 'node:os'

/** A longer name (UTF-8) is shortened, so that what is put around it fits into the 255 bytes that systems allow. */
const LONGEST_NAME_BYTES = 100
const KEPT_NAME_BYTES = 60
const HASH_CHARACTERS = 16
const HOST_CHARACTERS = 8
/** Processes of other machines that share the folder have ids of their own. */
const OWN_HOST = hashOf(hostname()).slice(0, HOST_CHARACTERS)

/** What a name in a folder says, if it is one of a file or folder that is not whole yet. */
export interface TemporaryName {
  /** The process that writes, or wrote. */
  owner: number
  /** Whether its id is one of this machine; so are those without a machine, which earlier versions wrote. */
  isOfThisHost: boolean
  /** What stood at the final name and stepped aside for the new one. */
  steppedAside: boolean
  /** The journal of an output that can be continued. */
  isJournal: boolean
  /** One of several writes of the process; null for the only one that may go on at a time. */
  serial: number | null
}

/** `.NAME.PID@HOST.partial` or `.NAME.PID@HOST-SERIAL.partial`; with `.old` what stepped aside, with `.journal` a journal. */
const PATTERN = /^\.(.+)\.(\d+)(?:@([0-9a-f]{8}))?(?:-(\d+))?\.partial(\.old|\.journal)?$/
/** Stands for the process of what a living process has put away, to be continued later: no process has this id. */
export const NOBODY = 0

/**
 * The name beside a final name under which this process writes until all is there.
 * @param serial where the process may write to the same name several times at once
 */
export function temporaryName(name: string, serial?: number): string {
  return `.${shortened(name)}.${process.pid}@${OWN_HOST}${serial === undefined ? '' : `-${serial}`}.partial`
}

/** The name of what stands at the final name while it steps aside. */
export function nameAside(temporary: string): string {
  return `${temporary}.old`
}

/** The name of the journal of what stands at a temporary name. */
export function journalName(temporary: string): string {
  return `${temporary}.journal`
}

/** The name beside a final name of what is put away, to be continued later by any process. */
export function nameOfKept(name: string): string {
  return `.${shortened(name)}.${NOBODY}.partial`
}

/** What a folder's entry says if it is a temporary name; of this final name, if one is given; else undefined. */
export function temporaryNameOf(entry: string, name?: string): TemporaryName | undefined {
  const match = PATTERN.exec(entry)
  if (!match || (name !== undefined && match[1] !== shortened(name))) return undefined
  const [, , owner, host, serial, ending] = match
  return {
    owner: Number(owner),
    isOfThisHost: host === undefined || host === OWN_HOST,
    steppedAside: ending === '.old',
    isJournal: ending === '.journal',
    serial: serial === undefined ? null : Number(serial),
  }
}

/** The name, or of a long one its beginning and its hash: still to be told from those of all others. */
function shortened(name: string): string {
  if (Buffer.byteLength(name) <= LONGEST_NAME_BYTES) return name
  let kept = ''
  for (const character of name) {
    if (Buffer.byteLength(kept + character) > KEPT_NAME_BYTES) break
    kept += character
  }
  return `${kept}~${hashOf(name).slice(0, HASH_CHARACTERS)}`
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
