import { appendFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openLiveModel, releaseModel } from '../../../src-main/compute/resident-model'
import type { TaskContext } from '../../../src-main/compute/task'
import { family } from '../demo-family'
import { CLIP_VOCABULARY } from '../engine/merge/models'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'resident-model-'))
})
afterEach(async () => {
  await releaseModel()
  rmSync(folder, { recursive: true })
})

it('the base that merges are drawn with is loaded once, and anew when its scheduler is another', async () => {
  const base = join(folder, 'base')
  cpSync(family.base.path, base, { recursive: true })
  const device = { provider: 'cpu', available: true } as const
  const context = { signal: new AbortController().signal, clipVocabulary: CLIP_VOCABULARY } as TaskContext
  let loaded = 0
  const open = () =>
    openLiveModel({ base, vae: undefined }, { device, cacheFolder: folder }, context, () => void loaded++)
  const first = await open()
  expect(await open()).toBe(first)
  appendFileSync(join(base, 'scheduler', 'scheduler_config.json'), '\n')
  expect(await open()).not.toBe(first)
  expect(loaded).toBe(2)
})
