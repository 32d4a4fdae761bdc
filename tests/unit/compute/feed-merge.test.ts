import { expect, it } from 'vitest'
import { chooseFeeding } from '../../../src-main/compute/feed-merge'
import { planMerge } from '../../../src-main/engine/merge/open-model'
import type { MergePlan } from '../../../src-main/engine/merge/plan/merge-plan'
import { elementCount } from '../../../src-main/engine/tensor/element-type'
import { family } from '../demo-family'
import { projectOf } from '../engine/merge/models'

const paths = [family.base.path, ...family.specialists.map(({ path }) => path)]
const cpu = { provider: 'cpu', available: true } as const
const gpu = { provider: 'webgpu', available: true } as const

/** The plan with a UNet so many times as large. */
function enlarged(plan: MergePlan, times: number): MergePlan {
  const unet = plan.base.components.get('unet')!
  const tensors = new Map([...unet.tensors].map(([name, view]) => [name, { ...view, shape: [...view.shape, times] }]))
  const components = new Map(plan.base.components).set('unet', { ...unet, tensors })
  return { ...plan, base: { ...plan.base, components } }
}

it('feeds a processor whatever the size, and a device while that costs less than a network built anew', async () => {
  const plan = await planMerge(projectOf(paths, { reuse: true }))
  expect(chooseFeeding(plan, cpu, 1000)).toMatchObject({ mode: 'fed', fedSeconds: 0, reason: null })
  expect(chooseFeeding(enlarged(plan, 500), cpu, 1000).mode).toBe('fed')
  const few = chooseFeeding(enlarged(plan, 500), gpu, 10)
  const many = chooseFeeding(enlarged(plan, 500), gpu, 200)
  expect([few.mode, many.mode]).toEqual(['fed', 'rebuilt'])
  expect(few.fedSeconds!).toBeLessThan(few.rebuiltSeconds)
  expect(many.fedSeconds! / few.fedSeconds!).toBeCloseTo(20)
  const elements = [...plan.base.components.get('unet')!.tensors.values()]
  const bytes = 4 * 500 * elements.reduce((sum, { shape }) => sum + elementCount(shape), 0)
  expect(few.fedSeconds!).toBeCloseTo((10 * bytes) / 8e9)
})

it('does not feed what was merged from scratch, nor a merge of more than the UNet', async () => {
  const direct = await planMerge(projectOf(paths))
  expect(chooseFeeding(direct, cpu, 10)).toMatchObject({ mode: 'rebuilt', fedSeconds: null })
  const more = { ...direct, components: [...direct.components, 'text_encoder' as const] }
  expect(chooseFeeding(more, cpu, 10).reason).toMatch(/More than the UNet/)
  const soup = await planMerge(projectOf(paths, { name: 'soup' }))
  expect(chooseFeeding(soup, cpu, 10).mode).toBe('fed')
})
