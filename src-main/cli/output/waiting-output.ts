import type { Waiting } from '../../engine/evaluate/search/parts/parts-in-step'
import type { ResultLines } from '../../engine/evaluate/measured/result-lines'
import { shareInWords } from '../../engine/shares/share'
import { OTHERS } from './shared-output'
import { say } from './output'
import { countOf } from '../../contract/values/format'

/** Seconds without anything new after which it is said what is waited for, and what to do. */
const SAID_AFTER = 30
const LONG = 600

/** 'share 2/4 (3 results) and share 3/4 (1 result)'. */
export function waitedFor({ shares }: Waiting): string {
  return shares
    .map(({ share, names }) => `share ${shareInWords(share)} (${countOf(names.length, 'result')})`)
    .join(' and ')
}

/** Says what a share waits for where it takes long, once, and once more with what to do; and what of new lines is not used. */
export class WaitingWords {
  #said = 0
  #noted: number

  /** @param lines whose notes so far were said */
  constructor(
    private readonly lines: Pick<ResultLines, 'notes'>,
    private readonly tell: (words: string) => void = say,
  ) {
    this.#noted = lines.notes.length
  }

  /** @param waiting as it comes with every look for results */
  hear(waiting: Waiting): void {
    const { notes } = this.lines
    for (const note of notes.slice(this.#noted)) this.tell(`Note: ${note}`)
    this.#noted = notes.length
    const { shares, seconds } = waiting
    const stage = seconds < SAID_AFTER ? 0 : seconds < LONG ? 1 : 2
    if (stage > this.#said)
      this.tell(
        (stage === 1
          ? `Waiting for ${waitedFor(waiting)}.`
          : `Nothing came for ${LONG / 60} minutes of ${waitedFor(waiting)}. Is ${shares.length === 1 ? 'it' : 'each'} still running? If not, start ${shares.length === 1 ? 'it' : 'them'} again with the same command: it goes on where it was, and this one waits for it.`) +
          othersInWords(waiting),
      )
    this.#said = stage
  }
}

/** Why what is waited for may never come: shares that do not search the same. */
function othersInWords({ shares }: Waiting): string {
  return shares
    .filter(({ others }) => others > 0)
    .map(
      ({ share, others }) =>
        ` The file of share ${shareInWords(share)} has ${countOf(others, 'result')} that this search did not ask for. If they are not of an earlier search, that share has ${OTHERS}: all shares need the same version and the same options, --trials, --seed, --aim and --device as well.`,
    )
    .join('')
}
