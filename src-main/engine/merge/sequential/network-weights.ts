import type { WeightInput } from '../../architecture/network-graph'
import type { StoredTensor } from '../../checkpoint/containers/container'
import type { TensorReader } from '../../checkpoint/containers/tensor-reader'
import type { TensorView } from '../../checkpoint/model/checkpoint'
import type { Tensor } from '../../runtime/session'
import { elementCount } from '../../tensor/element-type'
import { SUM_BLOCK_ELEMENTS, WeightedSum, type LinearCombination } from '../../tensor/weighted-sum'
import { isDenoiser } from '../../../contract/values/denoisers'
import { viewInputs } from '../jobs/view-inputs'
import { soup } from '../methods/soup'
import type { MergePlan } from '../plan/merge-plan'

/** A tensor of a merge's denoiser: the models' own, and how it is averaged where it is not fitted. */
interface Source {
  views: readonly TensorView[]
  mean: LinearCombination
}

/** The weights of a merge's denoiser in every model, and as the merge has them so far, as a network takes them. */
export class NetworkWeights {
  private readonly sources = new Map<string, Source>()
  private readonly fitted = new Map<string, StoredTensor>()
  private readonly summing = new WeightedSum()

  constructor(
    plan: Pick<MergePlan, 'tasks'>,
    private readonly reader: TensorReader,
  ) {
    for (const task of plan.tasks) {
      if (!isDenoiser(task.component)) continue
      const mean = soup.combine(task.weights)
      this.sources.set(task.name, { views: task.views, mean })
      if (task.kind === 'layer' && task.biasViews) this.sources.set(task.layer.bias!, { views: task.biasViews, mean })
    }
  }

  /** Takes layers that are fitted in place of their mean. */
  fit(tensors: ReadonlyMap<string, StoredTensor>): void {
    for (const [name, tensor] of tensors) this.fitted.set(name, tensor)
  }

  ofModel(model: number, inputs: readonly WeightInput[]): Record<string, Tensor> {
    return this.read(inputs, ({ views }) => {
      const own = views.length === 1 ? 0 : model
      return { coefficients: views.map((_, index) => (index === own ? 1 : 0)), divisor: 1 }
    })
  }

  merged(inputs: readonly WeightInput[]): Record<string, Tensor> {
    const fitted = inputs.flatMap(({ name, dims }): [string, Tensor][] => {
      const stored = this.fitted.get(name)
      if (!stored) return []
      const data = new Float32Array(elementCount(dims))
      this.reader.read(stored, 0, new Uint8Array(data.buffer))
      return [[name, { data, dims }]]
    })
    const others = inputs.filter(({ name }) => !this.fitted.has(name))
    return { ...this.read(others, ({ mean }) => mean), ...Object.fromEntries(fitted) }
  }

  private read(
    inputs: readonly WeightInput[],
    combination: (source: Source) => LinearCombination,
  ): Record<string, Tensor> {
    return Object.fromEntries(
      inputs.map(({ name, dims, view }) => {
        const source = this.sources.get(name) ?? { views: [view], mean: { coefficients: [1], divisor: 1 } }
        const tensors = viewInputs(source.views, this.reader)
        const combined = combination(source)
        const data = new Float32Array(elementCount(dims))
        const bytes = new Uint8Array(data.buffer)
        for (let start = 0; start < data.length; start += SUM_BLOCK_ELEMENTS) {
          const count = Math.min(SUM_BLOCK_ELEMENTS, data.length - start)
          bytes.set(this.summing.sum(tensors, combined, start, count, 'F32').bytes, start * data.BYTES_PER_ELEMENT)
        }
        return [name, { data, dims }]
      }),
    )
  }
}
