/** What a slider of weights spans where nothing asks for more. */
const USUAL = 2
/** What it is stretched to, in this order. */
const STRETCHED = [3, 4, 5, 10, 20, 50, 100]

/** The ends of a slider of weights, so that `weight` is on it. */
export function sliderScale(weight: number): { min: number; max: number } {
  const reach = (size: number): number =>
    size <= USUAL ? USUAL : (STRETCHED.find((end) => end >= size) ?? Math.ceil(size))
  return { min: weight < 0 ? -reach(-weight) : 0, max: reach(weight) }
}
