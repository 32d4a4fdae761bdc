import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { mergePlanner, planMerge } from '../../../../src-main/engine/merge/open-model'
import { family } from '../../demo-family'
import { projectOf, temporaryFolder } from './models'

it('reads the headers of models once for merges that differ in their weights alone', async () => {
  const specialist = join(temporaryFolder(), 'unet')
  cpSync(family.specialists[0]!.path, specialist, { recursive: true })
  const projectWith = (weight: number) => projectOf([family.base.path, { path: specialist, weight }], { name: 'soup' })
  const plan = mergePlanner()
  const [first, expected] = [await plan(projectWith(0.5)), await planMerge(projectWith(2))]
  rmSync(specialist, { recursive: true })
  const second = await plan(projectWith(2))
  expect(second.tasks).toEqual(expected.tasks)
  expect(second.models.map(({ checkpoint }) => checkpoint)).toEqual(first.models.map(({ checkpoint }) => checkpoint))
  await expect(plan(projectOf([family.base.path, join(specialist, 'another')]))).rejects.toMatchObject({
    kind: 'not-found',
  })
})
