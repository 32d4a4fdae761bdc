/** |P| from which a row counts as the base's own row, a little changed (method.md, 'Normalisation and merge'). */
export const OWN_ROW = 0.9
/** Share of own rows from which models are visibly one family, as fine-tunes of one base are. */
const FAMILY_SHARE = 0.9
/** What rows need at least that are not of one family. */
export const LEAST = 0.5
/** Own rows of fine-tunes correlate by more than this: where chance reaches it, nothing tells one from the other. */
const MOST = 0.95
/** A threshold that no correlation reaches: every row of the layer takes the weighted mean of the models' rows. */
export const AVERAGED = 2

/**
 * The `auto` threshold of a layer (method.md, 'Normalisation and merge'): above what the largest of N·n chance
 * correlations reaches, and 0.9 at least where the models are visibly one family. Short rows correlate by chance as
 * strongly as rows of fine-tunes do: such a layer is AVERAGED. Decided from all models, whatever their weights.
 * @param own P_i,own of every specialist: correlation of its row i with the base's row i
 * @param live which base rows are not dead
 * @param candidates N·n, the rows that are compared with a base row
 * @param freedom length of a feature row: d for exact statistics, the number of samples otherwise (the smaller counts)
 */
export function autoThreshold(
  own: readonly Float64Array[],
  live: (row: number) => boolean,
  candidates: number,
  freedom: number,
): number {
  const chance = (Math.sqrt(2 * Math.log(candidates)) + 1) / Math.sqrt(freedom)
  if (chance > MOST) return AVERAGED
  const isFamily = own.every((correlations) => {
    const rows = [...correlations].filter((_, row) => live(row))
    return rows.filter((correlation) => Math.abs(correlation) >= OWN_ROW).length >= FAMILY_SHARE * rows.length
  })
  return Math.max(isFamily ? OWN_ROW : LEAST, chance)
}
