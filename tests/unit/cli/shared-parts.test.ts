import { afterEach, expect, it, vi } from 'vitest'
import { openResults } from '../../../src-main/cli/options/results-options'
import { doParts } from '../../../src-main/cli/shared-parts'
import { temporaryFolder } from '../engine/merge/models'

afterEach(() => {
  vi.restoreAllMocks()
  process.exitCode = 0
})

it.each([
  ['that did all of its parts', [], 0],
  ['of which a part cannot be made by anybody', [{ name: 'TIES', message: 'It cannot be.', isKept: true }], 0],
  ['of which a part failed', [{ name: 'TIES', message: 'It is not there.', isKept: false }], 1],
])('a share %s says it by its exit code', async (_, failed, code) => {
  vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  process.exitCode = 0
  const shared = (await openResults({ results: temporaryFolder(), share: '1/2' }))!
  const parts = [{ name: 'TIES', cost: 1 }]
  const measure = () => Promise.resolve(failed)
  expect(await doParts(shared, { parts, missing: () => Promise.resolve([]), measure }, {}, 0)).toBe(true)
  expect(process.exitCode).toBe(code)
})
