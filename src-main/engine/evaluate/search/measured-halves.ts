import type { EvaluatedModel } from '../losses/evaluated-model'
import { measureAll, type Objective, type UnitValues } from './objectives/objective'
import { modelOutcomeSchema } from './parts/outcomes'
import type { PartsMeter } from './parts/parts-meter'

/** The pictures that choose weights, and those that the search never sees. */
const HALVES = { search: 'pictures that choose', check: 'pictures that check' } as const
type Half = keyof typeof HALVES

/** Values of one model. */
export type BothHalves = Readonly<Record<Half, UnitValues>>

/** What is measured whole. */
interface WholeModel {
  /** For people. */
  name: string
  /** What tells the model from others of the search: plain data. */
  of: unknown
  model: () => Promise<EvaluatedModel>
}

/** A model on one half of the pictures. */
interface HalfOfModel extends WholeModel {
  half: Half
}

/** Measures models whole on one half of the pictures, or finds them measured. */
export class MeasuredHalves {
  constructor(
    readonly objectives: Readonly<Record<Half, Objective>>,
    private readonly meter: PartsMeter,
  ) {}

  /** Values of models that do not depend on each other, in their order. @throws what measuring throws */
  async valuesOf(wanted: readonly HalfOfModel[]): Promise<UnitValues[]> {
    const parts = wanted.map(({ half, name, of, model }) => ({
      name: `${name} (${HALVES[half]})`,
      of: [half, of],
      measure: async () => {
        const values = await measureAll(this.objectives[half], await model())
        return { values: values.map((own) => Array.from(own)) }
      },
    }))
    const measured: UnitValues[] = []
    for await (const { values } of this.meter.measure(modelOutcomeSchema, parts)) measured.push(values)
    return measured
  }

  /** The same on both halves. */
  async onBoth(models: readonly WholeModel[]): Promise<BothHalves[]> {
    const halves = models.flatMap((model): HalfOfModel[] => [
      { ...model, half: 'search' },
      { ...model, half: 'check' },
    ])
    const values = await this.valuesOf(halves)
    return models.map((_, index) => ({ search: values[2 * index]!, check: values[2 * index + 1]! }))
  }
}
