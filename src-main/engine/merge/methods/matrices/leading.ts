import { svd } from '../../../linear-algebra/svd'
import { DirectionList, withFixedSigns, type Directions } from './directions'
import { weightedChange, type MatrixLayer, type MergedChange } from './matrix-layer'

/**
 * The strongest ⌊r / N⌋ directions of each of N changes, r = min(n, d); fewer of a change whose numerical rank is lower,
 * since what lies below it is chance.
 */
export async function leadingDirections(
  layer: MatrixLayer,
): Promise<{ directions: Directions; rank: NonNullable<MergedChange['rank']> }> {
  const { rows, columns, specialists, products } = layer
  const each = Math.floor(Math.min(rows, columns) / Math.max(1, specialists.length))
  const list = new DirectionList(layer)
  for (const specialist of specialists) {
    const { change, floor } = await weightedChange(layer, specialist)
    list.add(withFixedSigns(await svd(change, products, { count: each, floor })))
  }
  return { directions: list.joined(), rank: { taken: list.count, wanted: each * specialists.length } }
}
