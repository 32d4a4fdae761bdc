import type { FeatureDrift } from '../../../src-main/contract/evaluate/drift'
import { countOf, formatPercent } from '../../shared/format'

export type DriftOfLayer = FeatureDrift['layers'][number]

/** '0.02 %', '3.1 %', '31 %': two significant digits. */
export function driftPercent(value: number | null): string {
  if (value === null) return 'no number'
  const percent = 100 * value
  if (percent === 0 || percent >= 10) return formatPercent(value)
  return `${percent < 0.001 ? 'less than 0.001' : Number(percent.toPrecision(2))}\u00a0%`
}

/** What the figures of a layer say. */
export function driftSentence({ alone, inside }: DriftOfLayer): string {
  if (alone === null || inside === null) return 'Features of this layer are no numbers: the merge broke the network.'
  return `The merge’s features at this layer are within ${driftPercent(alone)} of what equation 20 promises when the layer is alone, ${driftPercent(inside)} inside the running network.`
}

/** What the figures of all layers say. */
export function networkSentence(layers: readonly DriftOfLayer[]): string {
  const broken = layers.filter(({ alone, inside }) => alone === null || inside === null).length
  if (broken > 0)
    return `features of ${countOf(broken, 'layer')} of ${layers.length} are no numbers: the merge broke the network.`
  const [alone, inside] = [layers.map((layer) => layer.alone!), layers.map((layer) => layer.inside!)]
  return `every layer by itself gives what the method promises within ${driftPercent(Math.max(...alone))}; inside the running network, where each layer gets what those before it made, the merge drifts up to ${driftPercent(Math.max(...inside))} away.`
}

/** The layer that drifts farthest inside the network. */
export function farthest(layers: readonly DriftOfLayer[]): DriftOfLayer | undefined {
  return [...layers].sort((a, b) => (b.inside ?? Infinity) - (a.inside ?? Infinity))[0]
}
