import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Cache } from '../../../src-main/project/cache'

let cache: Cache

beforeEach(() => {
  cache = new Cache(mkdtempSync(join(tmpdir(), 'cache-')))
})
afterEach(() => rmSync(cache.folder, { recursive: true }))

/** A merge of so many bytes, last used so many minutes ago. */
function put(name: string, bytes: number, minutes: number): string {
  const folder = join(cache.merges, name)
  mkdirSync(join(folder, 'unet'), { recursive: true })
  writeFileSync(join(folder, 'unet', 'weights'), Buffer.alloc(bytes))
  const time = new Date(Date.now() - minutes * 60_000)
  utimesSync(folder, time, time)
  return folder
}

describe('the cache', () => {
  it('counts, and removes what was not used for longest until the rest fits', async () => {
    const [old, newer, newest] = [put('old', 100, 30), put('newer', 50, 20), put('newest', 30, 10)]
    expect(await cache.size()).toBe(180)
    await cache.trim(180)
    expect(existsSync(old)).toBe(true)
    await cache.trim(90)
    expect([old, newer, newest].map((path) => existsSync(path))).toEqual([false, true, true])
    expect(await cache.size()).toBe(80)
  })

  it('keeps what models saw until it is cleared, however old it is', async () => {
    const other = put('other', 100, 30)
    mkdirSync(cache.calibrations)
    const learnt = join(cache.calibrations, 'learnt.safetensors')
    writeFileSync(learnt, Buffer.alloc(70))
    utimesSync(learnt, new Date(0), new Date(0))
    expect(await cache.size()).toBe(170)
    await cache.trim(50)
    expect([learnt, other].map((path) => existsSync(path))).toEqual([true, false])
    await cache.clear()
    expect(existsSync(learnt)).toBe(false)
  })

  it('clears nothing but its own', async () => {
    put('one', 10, 0)
    const foreign = ['merges/mine.safetensors', 'tiles/roof.png', 'hashes.json'].map((name) => join(cache.folder, name))
    for (const name of ['merges', 'tiles']) mkdirSync(join(cache.folder, name))
    for (const path of foreign) writeFileSync(path, 'mine')
    await cache.clear()
    expect(await cache.size()).toBe(0)
    expect(foreign.every((path) => existsSync(path))).toBe(true)
  })

  it('is empty before anything is in it', async () => {
    expect(await new Cache(join(cache.folder, 'none')).size()).toBe(0)
  })
})
