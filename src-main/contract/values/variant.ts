import { z } from 'zod'

/** What makes a picture: the base, a specialist, or a merge of the project as it stands. */
export const variantSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('base') }),
  z.strictObject({ type: z.literal('model'), name: z.string().min(1) }),
  z.strictObject({ type: z.literal('soup') }),
  z.strictObject({ type: z.literal('merge') }),
  /** The merge of the last preview whose settings were other ones. */
  z.strictObject({ type: z.literal('last-merge') }),
  z.strictObject({ type: z.literal('without'), name: z.string().min(1) }),
  /** The merge with a specialist that it dropped. */
  z.strictObject({ type: z.literal('with'), name: z.string().min(1) }),
])
export type Variant = z.infer<typeof variantSchema>

/** What draws where nobody has chosen. */
export const DEFAULT_VARIANTS: readonly Variant[] = [{ type: 'base' }, { type: 'merge' }]

/** Equal for equal variants. */
export function variantKey(variant: { type: string; name?: string }): string {
  return variant.name === undefined ? variant.type : `${variant.type}:${variant.name}`
}

/** A variant in words, also when its model is no longer in the project. */
export function variantLabel(variant: Variant): string {
  if (variant.type === 'model') return variant.name
  if (variant.type === 'without' || variant.type === 'with') return `${variant.type} ${variant.name}`
  return { base: 'base', soup: 'plain average', merge: 'merge', 'last-merge': 'the last merge' }[variant.type]
}
