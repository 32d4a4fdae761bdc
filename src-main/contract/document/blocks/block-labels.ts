/** Other spellings of a block. */
const MIDDLE = ['MID', 'MIDDLE', 'M']

/** The label of a block as this program writes it: `in4` and `IN04` are `IN04`, `mid` is `M00`. */
export function blockLabel(text: string): string {
  const label = text.trim().toUpperCase()
  if (MIDDLE.includes(label)) return 'M00'
  const [, prefix, number] = /^(IN|M|MID|OUT)0*(\d+)$/.exec(label) ?? []
  if (prefix === undefined) return label
  return `${prefix === 'MID' ? 'M' : prefix}${number!.padStart(2, '0')}`
}

/**
 * Weights by block with their labels as this program writes them.
 * @returns the label that stands twice, in two spellings, instead
 */
export function labelledWeights(weights: Readonly<Record<string, number>>): Record<string, number> | string {
  const labelled: Record<string, number> = {}
  for (const [text, weight] of Object.entries(weights)) {
    const label = blockLabel(text)
    if (Object.hasOwn(labelled, label)) return label
    labelled[label] = weight
  }
  return labelled
}
