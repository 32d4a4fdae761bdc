import { setTimeout as sleep } from 'node:timers/promises'
import type { z } from 'zod'
import { FusionError } from '../../../../contract/errors'
import { groupBy } from '../../../../contract/values/group-by'
import { orCancelled, throwIfCancelled } from '../../../cancel'
import { digest } from '../../../files/kept/digest'
import { shareInWords, shareName, type Share } from '../../../shares/share'
import type { Measurements } from '../../measured/measurements'
import { GATHERING_HINT } from '../../measured/not-measured'
import type { ResultLines } from '../../measured/result-lines'
import type { Part, PartsMeter } from './parts-meter'

/** Between two looks at the folder, in milliseconds: at first, and at most. */
const FIRST_WAIT = 50
const LONGEST_WAIT = 1000
const LONGER = 1.3

/** Who measures what of a search whose results lie in a folder. */
export interface SearchShare {
  lines: ResultLines
  /** null: this process measures all that is missing. */
  share: Share | null
  /** Whether nothing is measured, and what is missing is an error. */
  gathers: boolean
}

/** What a share waits for. */
export interface Waiting {
  shares: AwaitedShare[]
  /** Since any of their results came. */
  seconds: number
}

interface AwaitedShare extends SharedNames {
  /** How many results in its file this search did not ask for: of other settings, or of an earlier search. */
  others: number
}

/** Parts of a share, for people. */
interface SharedNames {
  share: Share
  names: string[]
}

interface KeyedPart<Stored> extends Part<Stored> {
  key: string
  place: number
}

/**
 * Measures parts whose results are kept in a folder, or finds them there. Of each list a share measures as many as the
 * others do, by their places, and then waits until the others have done theirs: so all processes know the same, and go on
 * in step. What comes is what the folder has, whoever measured it.
 */
export class PartsInStep implements PartsMeter {
  /**
   * @param of what all parts are of
   * @param onWaiting called at every look at the folder
   */
  constructor(
    private readonly shared: SearchShare,
    private readonly of: string,
    private readonly signal?: AbortSignal,
    private readonly onWaiting?: (waiting: Waiting) => void,
  ) {}

  /**
   * @throws FusionError 'not-found' with what is missing, where results are gathered; 'cancelled'; what measuring and the
   *   folder throw
   */
  async *measure<Stored>(schema: z.ZodType<Stored>, parts: readonly Part<Stored>[]): AsyncGenerator<Stored> {
    const { lines, share, gathers } = this.shared
    const kept = lines.of(schema)
    const keyed = parts.map((part, place) => ({ ...part, place, key: digest([this.of, part.of]) }))
    for (const part of keyed)
      if (share && isOf(part, share) && !(await kept.find(part.key))) await this.#measure(part, kept)
    for (const part of keyed) {
      if (!(await kept.find(part.key))) {
        if (share) await this.#waitFor(part, keyed, kept)
        else if (gathers) throw await this.#notGathered(keyed, kept)
        else await this.#measure(part, kept)
      }
      yield (await kept.find(part.key))!
    }
  }

  async #measure<Stored>({ key, name, measure }: KeyedPart<Stored>, kept: Measurements<Stored>): Promise<void> {
    throwIfCancelled(this.signal)
    await kept.keep(key, await measure(), name)
  }

  async #waitFor<Stored>(
    part: KeyedPart<Stored>,
    parts: readonly KeyedPart<Stored>[],
    kept: Measurements<Stored>,
  ): Promise<void> {
    const { lines, share } = this.shared
    let [left, since] = [Infinity, performance.now()]
    for (let wait = FIRST_WAIT; ; wait = Math.min(LONGEST_WAIT, wait * LONGER)) {
      await lines.refresh()
      if (await kept.find(part.key)) return
      const missing = await missingOf(parts, kept)
      if (missing.length < left) [left, since] = [missing.length, performance.now()]
      const { unused } = lines
      const shares = namesByShare(missing, share!.count).map((own): AwaitedShare => ({
        ...own,
        others: unused.filter(({ file }) => file === shareName(own.share)).length,
      }))
      this.onWaiting?.({ shares, seconds: (performance.now() - since) / 1000 })
      await orCancelled(this.signal, () => sleep(wait))
    }
  }

  async #notGathered<Stored>(parts: readonly KeyedPart<Stored>[], kept: Measurements<Stored>): Promise<FusionError> {
    const { lines } = this.shared
    const missing = await missingOf(parts, kept)
    const byShare = lines.shareCount === null ? [] : namesByShare(missing, lines.shareCount)
    const of = byShare.map(({ share, names }) => `Share ${shareInWords(share)}: ${names.join(', ')}`)
    return new FusionError('not-found', `The search is not done in ${lines.folder}: ${missing[0]!.name} is missing.`, {
      detail: (of.length > 0 ? of : missing.map(({ name }) => name)).join('\n'),
      hint: `Start its shares again, all at the same time and with the same options (--trials as well): what they have is kept. ${GATHERING_HINT}`,
    })
  }
}

function isOf({ place }: { place: number }, { index, count }: Share): boolean {
  return place % count === index - 1
}

async function missingOf<Stored>(
  parts: readonly KeyedPart<Stored>[],
  kept: Measurements<Stored>,
): Promise<KeyedPart<Stored>[]> {
  const missing: KeyedPart<Stored>[] = []
  for (const part of parts) if (!(await kept.find(part.key))) missing.push(part)
  return missing
}

function namesByShare(parts: readonly { name: string; place: number }[], count: number): SharedNames[] {
  return [...groupBy(parts, ({ place }) => place % count)]
    .sort(([a], [b]) => a - b)
    .map(([at, own]) => ({ share: { index: at + 1, count }, names: own.map(({ name }) => name) }))
}
