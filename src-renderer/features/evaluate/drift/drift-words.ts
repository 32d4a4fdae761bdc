import type { FeatureDrift } from '../../../../src-main/contract/evaluate/drift'
import { countOf, formatPercent } from '../../../shared/format'

export type DriftOfLayer = FeatureDrift['layers'][number]

/** '0.02 %', '3.1 %', '31 %': two significant digits. */
export function driftPercent(value: number | null): string {
  if (value === null) return 'not a number'
  const percent = 100 * value
  if (percent === 0 || percent >= 10) return formatPercent(value)
  return `${percent < 0.001 ? 'less than 0.001' : Number(percent.toPrecision(2))}\u00a0%`
}

/** What the figures of a layer say. */
export function driftSentence({ alone, inside }: DriftOfLayer): string {
  if (alone === null || inside === null) return 'The features of this layer are not numbers: the merge is broken.'
  return `The merged features of this layer differ from equation 20 by ${driftPercent(alone)} for the layer alone and by ${driftPercent(inside)} inside the running network.`
}

/** What the figures of all layers say. */
export function networkSentence(layers: readonly DriftOfLayer[]): string {
  const broken = layers.filter(({ alone, inside }) => alone === null || inside === null).length
  if (broken > 0)
    return `the features of ${countOf(broken, 'layer')} of ${layers.length} are not numbers: the merge is broken.`
  const [alone, inside] = [layers.map((layer) => layer.alone!), layers.map((layer) => layer.inside!)]
  return `each layer alone differs from the method’s prediction by at most ${driftPercent(Math.max(...alone))}; inside the running network, where the differences of earlier layers add up, by at most ${driftPercent(Math.max(...inside))}.`
}

/** The layer that drifts farthest inside the network. */
export function farthest(layers: readonly DriftOfLayer[]): DriftOfLayer | undefined {
  return [...layers].sort((a, b) => (b.inside ?? Infinity) - (a.inside ?? Infinity))[0]
}
