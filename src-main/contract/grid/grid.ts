import { z } from 'zod'

/** What an axis of a grid changes from cell to cell. */
export const AXIS_KINDS = [
  'weight',
  'block',
  'method',
  'parameter',
  'drawn-by',
  'scheduler',
  'steps',
  'guidance',
  'prompt',
  'seed',
] as const

/** Values of an axis, however they are written. */
export const MOST_AXIS_VALUES = 100

/** An axis as a person writes it; grid-axes.ts reads its values. */
export const gridAxisSchema = z.strictObject({
  kind: z.enum(AXIS_KINDS),
  /** A model's name ('' for all specialists), `model/BLOCK`, or a parameter's key; '' for the others. */
  of: z.string().max(400).default(''),
  values: z.string().max(20_000),
})

/** Pictures of a project in rows (y), columns (x) and tables (z). */
export const gridSchema = z.strictObject({
  x: gridAxisSchema,
  y: gridAxisSchema.nullable().default(null),
  z: gridAxisSchema.nullable().default(null),
})

/** The labels of a grid that was drawn, axis by axis; an axis that there is not has one empty label. */
export const gridLabelsSchema = z.object({
  x: z.array(z.string()),
  y: z.array(z.string()),
  z: z.array(z.string()),
})

/** Where a picture stands in its grid, and all its labels together. */
export const gridPlaceSchema = z.object({ x: z.number(), y: z.number(), z: z.number(), label: z.string() })

export type AxisKind = (typeof AXIS_KINDS)[number]
export type GridAxis = z.infer<typeof gridAxisSchema>
export type Grid = z.infer<typeof gridSchema>
export type GridLabels = z.infer<typeof gridLabelsSchema>
export type GridPlace = z.infer<typeof gridPlaceSchema>

/**
 * Values in the cells of a grid, by table, row and column; null where there is none.
 * @param cells those that have one
 */
export function tablesOf<Value>(
  { x, y, z }: GridLabels,
  cells: Iterable<{ place: Pick<GridPlace, 'x' | 'y' | 'z'>; value: Value }>,
): (Value | null)[][][] {
  const tables = z.map(() => y.map(() => x.map((): Value | null => null)))
  for (const { place, value } of cells) tables[place.z]![place.y]![place.x] = value
  return tables
}
