import { InvalidArgumentError } from 'commander'
import { AIMS, type Aim } from '../../contract/evaluate/search/aims'

/**
 * `loss`, `image-reward`, or a sum: `loss=1,clip=0.02`. A factor of one aim alone changes nothing.
 * @throws InvalidArgumentError
 */
export function aimsOf(text: string): Aim[] {
  const aims = text.split(',').map((part): Aim => {
    const [name, factor = '1', more] = part.split('=').map((piece) => piece.trim())
    const found = AIMS.find((aim) => aim === name)
    if (found === undefined || more !== undefined)
      throw new InvalidArgumentError(`Of ${AIMS.join(', ')}: NAME, or NAME=FACTOR,NAME=FACTOR.`)
    const value = Number(factor)
    if (factor === '' || !Number.isFinite(value) || value <= 0)
      throw new InvalidArgumentError(`${part.trim()}: a factor is a number above 0.`)
    return { name: found, factor: value }
  })
  const twice = aims.find(({ name }, at) => aims.findIndex((other) => other.name === name) < at)
  if (twice) throw new InvalidArgumentError(`${twice.name} is named twice.`)
  return aims.length === 1 ? aims.map(({ name }) => ({ name, factor: 1 })) : aims
}
