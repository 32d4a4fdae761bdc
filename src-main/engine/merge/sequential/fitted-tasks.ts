import type { TensorView } from '../../checkpoint/model/checkpoint'
import { soup } from '../methods/soup'
import type { LayerTask, TensorTask } from '../plan/merge-plan'
import type { FittedNetwork } from './ensure-fitted'

/** Fitted layers as tensors that are only written. */
export function fittedTasks(layers: readonly LayerTask[], { tensors }: Pick<FittedNetwork, 'tensors'>): TensorTask[] {
  return layers.flatMap(({ component, layer, destination, biasDestination }) => {
    const taskOf = (name: string, place: TensorTask['destination']): TensorTask => {
      const stored = tensors.get(name)!
      const view: TensorView = { name, shape: stored.shape, stored, start: 0, transposed: false }
      return { kind: 'tensor', component, name, views: [view], weights: [1], method: soup, destination: place }
    }
    return [
      taskOf(layer.weight, destination),
      ...(layer.bias !== null && biasDestination ? [taskOf(layer.bias, biasDestination)] : []),
    ]
  })
}
