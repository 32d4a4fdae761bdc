import { appendFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ResultLines } from '../../../../../../src-main/engine/evaluate/measured/result-lines'
import {
  PartsInStep,
  type SearchShare,
  type Waiting,
} from '../../../../../../src-main/engine/evaluate/search/parts/parts-in-step'
import { temporaryFolder } from '../../../merge/models'

const schema = z.object({ value: z.number() })
const NAMES = ['a', 'b', 'c', 'd', 'e']

let folder: string
beforeEach(() => void (folder = temporaryFolder()))

interface Options {
  index?: number
  gathers?: boolean
  of?: string
  names?: readonly string[]
  signal?: AbortSignal
  onWaiting?: (waiting: Waiting) => void
}

/** Measures parts named a, b …, each its number; as a share of two, or alone. */
async function measured({ index, gathers = false, of = 'search', names = NAMES, signal, onWaiting }: Options) {
  const share = index === undefined ? null : { index, count: 2 }
  const lines = await ResultLines.open(folder, share ? `${index}-of-2` : 'rest', gathers)
  const own: string[] = []
  const parts = names.map((name, value) => ({
    name,
    of: name,
    measure: () => {
      own.push(name)
      return Promise.resolve({ value: value / 3 })
    },
  }))
  const shared: SearchShare = { lines, share, gathers }
  const values: number[] = []
  for await (const { value } of new PartsInStep(shared, of, signal, onWaiting).measure(schema, parts))
    values.push(value)
  return { values, own }
}

const VALUES = NAMES.map((_, value) => value / 3)
const fileOf = (index: number): string => join(folder, `${index}-of-2.jsonl`)

describe('parts of a search', () => {
  it('are measured once each by shares that run side by side, and come to all in their order', async () => {
    const [one, two] = await Promise.all([measured({ index: 1 }), measured({ index: 2 })])
    expect(one).toEqual({ values: VALUES, own: ['a', 'c', 'e'] })
    expect(two).toEqual({ values: VALUES, own: ['b', 'd'] })
    expect(await measured({ gathers: true })).toEqual({ values: VALUES, own: [] })
  })

  it('are measured alone where they are missing: those of a list that was stopped, of other searches, of damaged lines', async () => {
    await measured({ names: NAMES.slice(0, 3) })
    expect(await measured({})).toEqual({ values: VALUES, own: ['d', 'e'] })
    expect((await measured({ of: 'another search' })).own).toEqual(NAMES)
    const file = join(folder, 'rest.jsonl')
    const lines = readFileSync(file, 'utf8').split('\n')
    writeFileSync(file, [lines[0], lines[1]!.replace('0.33', '0.34'), ...lines.slice(2)].join('\n'))
    expect(await measured({})).toEqual({ values: VALUES, own: ['b'] })
  })

  it('that are missing are named by share where results are gathered', async () => {
    const controller = new AbortController()
    const onWaiting = (): void => controller.abort()
    await expect(measured({ index: 1, signal: controller.signal, onWaiting })).rejects.toMatchObject({
      kind: 'cancelled',
    })
    await expect(measured({ gathers: true })).rejects.toMatchObject({
      kind: 'not-found',
      message: expect.stringContaining('b is missing') as string,
      detail: 'Share 2/2: b, d',
    })
  })

  it('of others are waited for, also those whose line is half written, and told meanwhile', async () => {
    await measured({ names: ['x', 'b'] })
    const whole = Buffer.from(readFileSync(join(folder, 'rest.jsonl'), 'utf8').split(/(?<=\n)/)[1]!)
    rmSync(join(folder, 'rest.jsonl'))
    const heard: Waiting[] = []
    const waiting = measured({ index: 1, names: ['a', 'b'], onWaiting: (news) => heard.push(news) })
    while (heard.length === 0) await delay(1)
    appendFileSync(fileOf(2), whole.subarray(0, 40))
    const before = heard.length
    while (heard.length < before + 2) await delay(1)
    appendFileSync(fileOf(2), whole.subarray(40))
    expect(await waiting).toEqual({ values: [0, 1 / 3], own: ['a'] })
    for (const { shares } of heard) expect(shares).toEqual([{ share: { index: 2, count: 2 }, names: ['b'], others: 0 }])
  })

  it('of a share with other settings never come: how many it has is told, and none of them counts as news', async () => {
    const controller = new AbortController()
    const heard: Waiting[] = []
    const waiting = measured({
      ...{ index: 1, names: ['a', 'b'], signal: controller.signal },
      onWaiting: (news) => heard.push(news),
    })
    const other = await ResultLines.open(folder, '2-of-2')
    for (const key of ['x', 'y']) {
      const before = heard.length
      while (heard.length < before + 2) await delay(1)
      await other.of(schema).keep(key, { value: 7 }, 'b')
    }
    while (heard.at(-1)?.shares[0]!.others !== 2) await delay(1)
    controller.abort()
    await expect(waiting).rejects.toMatchObject({ kind: 'cancelled' })
    const seconds = heard.map((news) => news.seconds)
    expect(seconds).toEqual([...seconds].sort((a, b) => a - b))
  })

  it('that somebody measured with another result are an error, and no result', async () => {
    await measured({ names: ['x', 'b'] })
    const text = readFileSync(join(folder, 'rest.jsonl'), 'utf8')
    truncateSync(join(folder, 'rest.jsonl'))
    const other = await ResultLines.open(folder, 'other')
    const { key } = JSON.parse(text.split('\n')[1]!) as { key: string }
    let isThere = false
    const heard = async (): Promise<void> => {
      if (isThere) return
      isThere = true
      await other.of(schema).keep(key, { value: 7 }, 'b')
      writeFileSync(join(folder, 'rest.jsonl'), text)
    }
    await expect(measured({ index: 1, names: ['a', 'b'], onWaiting: () => void heard() })).rejects.toMatchObject({
      kind: 'damaged',
      detail: expect.stringMatching(/^b: /) as string,
    })
  })
})
