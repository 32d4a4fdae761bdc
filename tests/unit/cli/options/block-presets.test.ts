import { expect, it } from 'vitest'
import { loadProject, type ModelOptions } from '../../../../src-main/cli/options/model-options'
import { family } from '../../demo-family'

const { base, specialists } = family
const { name, path } = specialists[0]!
const options = (...blockWeights: string[]): ModelOptions => ({
  base: base.path,
  specialist: [`${name}=${path}`],
  ...{ strengths: [], blockWeights, layerWeights: [], transposed: [], groups: [] },
})

it('takes block weights by the name of a preset of the field', async () => {
  const { models } = await loadProject(undefined, options(`${name}=grad_a`))
  expect(models[1]!.blocks).toMatchObject({ IN00: 0, M00: 1 })
  expect(models[1]!.blocks['BASE']).toBeUndefined()
})

it('refuses a name that it does not know, and numbers that fit no such network', async () => {
  await expect(loadProject(undefined, options(`${name}=GRAD_X`))).rejects.toMatchObject({
    message: expect.stringContaining('GRAD_X is not a number'),
  })
  await expect(loadProject(undefined, options(`${name}=1,0,1`))).rejects.toMatchObject({
    message: expect.stringContaining('3 numbers fit no list of this network'),
    hint: expect.stringContaining('IN00'),
  })
})
