import { expect, it } from 'vitest'
import { drawnText, hasWords } from '../../../../src-main/app/history/history-search'
import { mergeSettingsSchema } from '../../../../src-main/contract/document/merge-settings'

const merge = mergeSettingsSchema.parse({
  models: [
    { name: 'base', path: '/models/sd15.safetensors' },
    { name: 'sketch', path: '/models/Pencil.safetensors', weight: 0.5, sha256: 'abc123' },
  ],
  method: { name: 'ties' },
  output: { include: ['unet'], dtype: 'same' },
})

it('finds words of names, methods, prompts, seeds and paths, in any case and order', () => {
  const drawing = {
    ...{ prompts: ['a red Apple'], negativePrompt: 'blur', seeds: [4711], steps: 20, guidance: 7.5, scheduler: 'ddim' },
    variants: [{ type: 'soup' as const }],
  }
  const text = drawnText(merge, drawing, ['sketch 0.5'])
  for (const search of [
    '',
    'apple RED',
    '4711',
    'TIES sketch',
    'pencil.saf',
    'abc123',
    'blur',
    'ddim',
    'plain average',
  ])
    expect(hasWords(text, search), search).toBe(true)
  for (const search of ['apple green', 'FeatureFusion']) expect(hasWords(text, search), search).toBe(false)
})
