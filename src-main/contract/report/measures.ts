import { divergingScale, sequentialScale, type ColourScale, type Theme } from '../values/colour-scales'
import { formatCosine, formatPercent } from '../values/format'
import type { GroupMeasures } from './group-measures'

export const MEASURE_NAMES = ['change', 'survives', 'conflict', 'others'] as const
export type MeasureName = (typeof MEASURE_NAMES)[number]

/** What a map can show of every specialist. */
export interface Measure {
  label: string
  help: string
  /** What the colours mean at both ends of the scale. */
  ends: readonly [string, string]
  format: (value: number) => string
}

export const MEASURES: Readonly<Record<MeasureName, Measure>> = {
  change: {
    label: 'Change',
    help: 'How far a specialist moved the weights, as a part of the base’s own size.',
    ends: ['unchanged', 'most changed'],
    format: formatPercent,
  },
  survives: {
    label: 'What survives',
    help: '',
    ends: ['nothing survives', 'most survives'],
    format: formatCosine,
  },
  conflict: {
    label: 'Conflict',
    help: 'The least correlation of its change with that of another specialist, whose mark stands in the cell. Below 0 they pull in opposite directions.',
    ends: ['opposed', 'alike'],
    format: formatCosine,
  },
  others: {
    label: 'Like others',
    help: 'Mean correlation of its change with those of the other specialists.',
    ends: ['opposed', 'alike'],
    format: formatCosine,
  },
}

export function valueOf(measures: GroupMeasures, name: MeasureName, column: number): number | null {
  if (name === 'conflict') return measures.conflict[column]?.value ?? null
  return measures[name][column] ?? null
}

/** A scale that reaches as far as the values do, the same to both sides where some are below 0. */
export function fittedScale(theme: Theme, name: MeasureName, values: readonly number[]): ColourScale {
  const largest = Math.max(0.01, ...values.map(Math.abs))
  const hasSigns = name === 'conflict' || name === 'others' || values.some((value) => value < 0)
  return hasSigns ? divergingScale(theme, largest) : sequentialScale(theme, 0, largest)
}
