import { slerp as descriptor } from '../../../../contract/methods/vectors/slerp'
import type { VectorMethod } from '../method'
import { arc, nuslerpArc } from './arc'

/** mergekit averages vectors whose cosine is larger. */
const MERGEKIT_PARALLEL = 0.9995

/** Spherical linear interpolation from the base to one specialist, whose weight is the part of the arc. */
export const slerp = {
  ...descriptor,
  along: ({ slerpForm, axis }) => (slerpForm === 'nuslerp' ? axis : 'tensor'),
  combine(products, { weights, settings: { slerpForm } }) {
    const t = weights[1]!
    const [base, other] = [products.length(0), products.lengthOfModel(1)]
    const product = products.ofModels(0, 1)
    if (slerpForm === 'nuslerp') return nuslerpArc(product, [base, other], t)
    const cosine = product / (base * other)
    if (slerpForm === 'mergekit') return arc(cosine, t, (value) => Math.abs(value) > MERGEKIT_PARALLEL) ?? [1 - t, t]
    const turned = arc(cosine, t, (value) => Math.sin(Math.acos(value)) === 0)
    if (!turned) return [1 - t, t]
    const length = (1 - t) * base + t * other
    return [(turned[0] * length) / base, (turned[1] * length) / other]
  },
} satisfies VectorMethod
