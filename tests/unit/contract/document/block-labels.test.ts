import { expect, it } from 'vitest'
import { blockLabel } from '../../../../src-main/contract/document/blocks/block-labels'
import { modelSchema } from '../../../../src-main/contract/document/project'

it.each([
  ['in01', 'IN01'],
  ['IN1', 'IN01'],
  ['in001', 'IN01'],
  ['In11', 'IN11'],
  ['mid', 'M00'],
  ['MID00', 'M00'],
  ['m0', 'M00'],
  ['M00', 'M00'],
  ['out3', 'OUT03'],
  ['base', 'BASE'],
  [' vae ', 'VAE'],
  ['elsewhere', 'ELSEWHERE'],
  ['IN', 'IN'],
])('%s is the block %s', (text, label) => expect(blockLabel(text)).toBe(label))

it('a document has every block once, as this program writes it', () => {
  const model = (blocks: object): unknown => ({ name: 'a', path: 'a', blocks })
  expect(modelSchema.parse(model({ in4: 0.5, mid: 0.2 })).blocks).toEqual({ IN04: 0.5, M00: 0.2 })
  expect(modelSchema.safeParse(model({ in4: 0.5, IN04: 0.2 })).error?.message).toContain('IN04 has two weights')
})
