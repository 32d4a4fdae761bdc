import { FusionError } from '../../contract/errors'
import { shareInWords } from '../../engine/shares/share'
import { GATHERING_HINT } from '../../engine/evaluate/measured/not-measured'
import { unitsOfShare } from '../../engine/evaluate/shares/units'
import type { SharedResults } from '../options/results-options'
import { printResult, say, seconds, type CommonOptions } from './output'

/** What results are of that a command does not find. */
export const OTHERS = 'other models, data, settings, devices or versions'

/** Results that a note names; there may be thousands. */
const MOST_NAMED = 3

/** What one share did. */
export interface EndedShare {
  /** How many parts it has. */
  parts: number
  /** `isKept`: that it failed is a result, which gathering says as one run does; others are missing. */
  failed: { name: string; message: string; isKept: boolean }[]
  seconds: number
}

export function printShare(options: CommonOptions, { lines, share }: SharedResults, ended: EndedShare): void {
  for (const { name, message } of ended.failed) say(`${name}: ${message}`)
  sayUnused(lines.unusedOfOwn, lines.folder)
  printResult(options, { share, ...ended, added: lines.added, file: lines.ownPath }, () =>
    [
      `Share ${shareInWords(share!)} is done: ${ended.parts} ${ended.parts === 1 ? 'part' : 'parts'}, ${lines.added} results added`,
      `to ${lines.ownPath}, in ${seconds(ended.seconds)}.`,
    ].join(' '),
  )
}

/** Says what of a folder was not used, and what all that was used does not have in common. */
export function sayGathered({ lines }: SharedResults): void {
  sayUnused(lines.unused, lines.folder)
  if (lines.processors.length > 1)
    say(
      `Note: the results come from processors of ${lines.processors.length} kinds (${lines.processors.join(', ')}), which round differently: last digits may be others than those of one run.`,
    )
}

/** What is missing, by share where the files say how many there are. */
export function notGathered<Part extends { name: string; cost: number }>(
  { lines }: SharedResults,
  parts: readonly Part[],
  missing: readonly Part[],
): FusionError {
  const count = lines.shareCount
  const shares = Array.from({ length: count ?? 0 }, (_, at) => ({ index: at + 1, count: count! }))
  const byShare = shares.flatMap((share) => {
    const own = unitsOfShare(parts, share).filter((part) => missing.includes(part))
    return own.length === 0 ? [] : [{ share: shareInWords(share), names: own.map(({ name }) => name).join(', ') }]
  })
  const of = byShare.length === 0 ? '' : `, of share ${byShare.map(({ share }) => share).join(' and ')}`
  return new FusionError(
    'not-found',
    `${missing.length} of ${parts.length} parts are missing in ${lines.folder}${of}.`,
    {
      detail: (byShare.length === 0
        ? missing.map(({ name }) => name)
        : byShare.map(({ share, names }) => `Share ${share}: ${names}`)
      ).join('\n'),
      hint: `Do these shares (again): what they have is kept. ${GATHERING_HINT}`,
    },
  )
}

function sayUnused(unused: readonly { unit: string; place: string }[], folder: string): void {
  if (unused.length === 0) return
  const named = unused.slice(0, MOST_NAMED).map(({ unit, place }) => `${unit} (${place})`)
  const more = unused.length > MOST_NAMED ? ` and ${unused.length - MOST_NAMED} more` : ''
  say(`Note: ${unused.length} results in ${folder} are of ${OTHERS}, and are not used: ${named.join(', ')}${more}.`)
}
