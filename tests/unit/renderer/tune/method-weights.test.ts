import { expect, it } from 'vitest'
import { modelSchema, projectSchema } from '../../../../src-main/contract/document/project'
import { methodLine } from '../../../../src-renderer/features/tune/method/method-line'
import { addingUp, weightsFor, weightsProblem } from '../../../../src-renderer/features/tune/method/method-weights'
import { sliderScale } from '../../../../src-renderer/features/tune/weights/slider-scale'

const models = (...weights: number[]) =>
  weights.map((weight, index) => modelSchema.parse({ name: `m${index}`, path: `/m${index}`, weight }))
const weightsOf = (list: ReturnType<typeof models>) => list.map(({ weight }) => weight)

it('keeps what weights mean between methods where the base has a weight and where it has the rest', () => {
  const six = models(1, 1, 1, 1, 1, 1, 1)
  const shares = [...weightsFor('weighted-sum', 'featurefusion', six)]
  expect(weightsOf(shares).slice(1)).toEqual(Array(6).fill(0.1429))
  expect(weightsProblem('weighted-sum', shares)).toBeNull()
  const back = [...weightsFor('featurefusion', 'weighted-sum', shares)]
  for (const weight of weightsOf(back)) expect(weight).toBeCloseTo(1, 2)
  expect(weightsFor('soup', 'featurefusion', six)).toBe(six)
})

it('scales weights by block and layer as well, and leaves what has no like', () => {
  const [base, one] = models(1, 1) as [ReturnType<typeof models>[0], ReturnType<typeof models>[0]]
  const fine = { ...one, blocks: { IN00: 0.5 }, layers: [{ pattern: '*', weight: 2 }] }
  expect(weightsFor('weighted-sum', 'soup', [base, fine])[1]).toMatchObject({
    ...{ weight: 0.5, blocks: { IN00: 0.25 }, layers: [{ pattern: '*', weight: 1 }] },
  })
  const over = models(1, 0.6, 0.6)
  expect(weightsFor('soup', 'weighted-sum', over)).toBe(over)
})

it('makes shares add up that do not', () => {
  const over = models(1, 3, 1)
  expect(weightsProblem('weighted-sum', over)).toBe('over')
  expect(weightsOf([...addingUp(over)])).toEqual([1, 0.5, 0.1667])
  const dropped = [over[0]!, { ...over[1]!, enabled: false }, over[2]!]
  expect(weightsProblem('weighted-sum', dropped)).toBeNull()
})

it('knows weights that merge nothing', () => {
  expect(weightsProblem('soup', models(0, 0, 0))).toBe('none')
  expect(weightsProblem('soup', models(0, 0, 1))).toBeNull()
  expect(weightsProblem('task-arithmetic', models(1, 0, 0))).toBe('none')
})

it('stretches a scale of weights to what is on it', () => {
  expect([1, 2, 2.1, 7, 1e6].map((weight) => sliderScale(weight).max)).toEqual([2, 2, 3, 10, 1e6])
  expect([0.5, -0.5, -3].map((weight) => sliderScale(weight).min)).toEqual([0, -2, -3])
})

it('says in one line what a merge is made with', () => {
  const project = projectSchema.parse({ format: 'featurefusion-project', version: 1, models: [] })
  expect(methodLine(project)).toBe('exact · aligned · threshold auto')
  const other = projectSchema.parse({
    ...{ format: 'featurefusion-project', version: 1, models: [] },
    method: { name: 'ties', density: 0.2, align: true },
    output: { include: ['unet', 'text_encoder'], vae: '/models/sharp.safetensors' },
  })
  expect(methodLine(other)).toContain('density 0.2 · ')
  expect(methodLine(other)).toContain('specialists aligned · with text encoder · VAE sharp.safetensors')
})
