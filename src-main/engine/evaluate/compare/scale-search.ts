/** From one scale to the next. */
const STEP = 1.5
/** Scales that are tried at most; most searches end after four or five. */
export const MOST_SCALES = 8
/** Of a scale that is told and kept. */
const DIGITS = 3

/**
 * Looks for the scale of a merge's changes with the least loss: from where its paper has it up or down by steps of 1.5 for
 * as long as the loss falls, then the vertex of the parabola through the best one and its neighbours, over the logarithm
 * of the scale.
 * @param start above 0
 * @param lossOf less is better; what is not finite is worse than anything
 * @param isAllowed whether a method takes a scale
 */
export async function searchScale(
  start: number,
  lossOf: (scale: number) => Promise<number>,
  isAllowed: (scale: number) => boolean,
): Promise<{ scale: number; tried: number }> {
  const losses = new Map<number, number>()
  const scaleAt = (step: number): number => Number((start * STEP ** step).toPrecision(DIGITS))
  const at = async (step: number): Promise<number> => {
    const known = losses.get(step)
    if (known !== undefined) return known
    if (losses.size >= MOST_SCALES || !isAllowed(scaleAt(step))) return Infinity
    const loss = await lossOf(scaleAt(step))
    losses.set(step, Number.isFinite(loss) ? loss : Infinity)
    return losses.get(step)!
  }
  let best = 0
  await at(best)
  const direction = (await at(1)) < (await at(0)) ? 1 : -1
  // From scales that ruin the network the search goes on to one that does not.
  const isRuined = async (): Promise<boolean> =>
    (await at(best)) === Infinity && losses.size < MOST_SCALES && isAllowed(scaleAt(best + direction))
  while ((await at(best + direction)) < (await at(best)) || (await isRuined())) best += direction
  const [below, here, above] = [await at(best - 1), await at(best), await at(best + 1)]
  const bend = below - 2 * here + above
  // Without a finite neighbour on both sides there is no parabola.
  const shift = Number.isFinite(bend) && bend > 0 ? (below - above) / (2 * bend) : 0
  return { scale: scaleAt(best + shift), tried: losses.size }
}
