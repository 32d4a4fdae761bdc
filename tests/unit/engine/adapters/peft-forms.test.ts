import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { temporaryFolder } from '../merge/models'
import { adapterAt, BASE, changedBase, computedViews, readView } from './adapter-models'

// Values at full strength are goldens (tests/golden/peft-forms); here is the rest.
const FOLDER = 'tests/golden/peft-forms'

/** An adapter's file without PEFT's settings beside it. */
function withoutSettings(name: string): string {
  const copy = join(temporaryFolder(), 'adapter_model.safetensors')
  copyFileSync(join(FOLDER, name, 'adapter_model.safetensors'), copy)
  return copy
}

describe("PEFT's own forms", () => {
  it.each([
    ['oft', /module base_model\.model\.down_blocks.* how its rotations were made/],
    ['ia3', /whether inputs or outputs are scaled/],
  ])('refuses to guess the settings of %s', async (name, message) => {
    await expect(adapterAt(withoutSettings(name))).rejects.toMatchObject({
      kind: 'unsupported',
      message: expect.stringMatching(message) as string,
      hint: expect.stringMatching(/adapter_config\.json/) as string,
    })
  })

  it('reads a BOFT, whose shapes say all, without its settings', async () => {
    expect((await adapterAt(withoutSettings('boft'))).modules).toHaveLength(5)
  })

  it("divides a LoKr's alpha by the rank of its settings, even where both halves are whole", async () => {
    const { modules } = await adapterAt(join(FOLDER, 'lokr'))
    const scales = modules.map(({ name, scale }) => [name.endsWith('conv1'), scale])
    expect(scales).toContainEqual([true, 3 / 5])
    expect(scales.filter(([isConvolution]) => !isConvolution).every(([, scale]) => scale === 1.5)).toBe(true)
  })

  it.each(['oft', 'oft-shared', 'boft', 'boft-stages', 'ia3'])(
    'changes weights by %s in proportion to a small strength, biases included',
    async (name) => {
      const base = await openCheckpoint(BASE)
      const [small, tiny] = await Promise.all([1e-2, 5e-3].map((m) => changedBase(join(FOLDER, name), m)))
      const changed = computedViews(small!)
      expect(changed.size).toBeGreaterThan(4)
      for (const [key, view] of changed) {
        const own = readView(base.components.get('unet')!.tensors.get(view.name)!)
        const [one, half] = [view, computedViews(tiny!).get(key)!].map((of) =>
          Math.sqrt(readView(of).reduce((sum, value, at) => sum + (value - own[at]!) ** 2, 0)),
        )
        expect(one!).toBeGreaterThan(0)
        expect(one! / half!).toBeGreaterThan(1.9)
        expect(one! / half!).toBeLessThan(2.1)
      }
    },
  )

  it('refuses rotations that do not divide the inputs', async () => {
    const other = withoutSettings('oft')
    copyFileSync(join(FOLDER, 'oft/adapter_config.json'), join(other, '../adapter_config.json'))
    await expect(changedBase(other, 1, 'tests/golden/sdxl/pipeline')).rejects.toMatchObject({ kind: 'incompatible' })
  })
})
