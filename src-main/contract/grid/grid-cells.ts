import { mergeOfVariant } from '../document/merge-settings'
import type { Project } from '../document/project'
import { styledPrompt } from '../document/prompt-styles'
import { FusionError } from '../errors'
import type { Grid, GridLabels, GridPlace } from './grid'
import { axisValues, costOf, type AxisValue, type CellState } from './grid-axes'

/** A picture of a grid before it is drawn. */
export interface GridCell {
  place: GridPlace
  drawing: CellState['drawing']
  variant: CellState['variant']
  /** The project as the cell has it. */
  project: Project
  /** The merge that draws it; null: a model as it is. */
  merge: Project | null
}

export interface GridCells {
  labels: GridLabels
  /** Costly changes least often: cells of equal weights follow each other, and so do cells of similar ones. */
  cells: GridCell[]
}

const AXES = ['x', 'y', 'z'] as const
export type AxisName = (typeof AXES)[number]

/**
 * The cells of a grid of a project. What is no axis is as the project has it: its merge, its first prompt and seed.
 * @throws FusionError 'validation' that names the axis
 */
export function gridCells(project: Project, grid: Grid): GridCells {
  const { prompts, seeds, steps, guidance, scheduler } = project.preview
  const drawsPrompts = AXES.some((axis) => grid[axis]?.kind === 'prompt')
  if (prompts.length === 0 && !drawsPrompts)
    throw new FusionError('validation', 'There is no prompt.', {
      hint: 'Write at least one, or make one axis of prompts.',
    })
  const drawing = { prompt: prompts[0] ?? '', seed: seeds[0] ?? 0, steps, guidance, scheduler }
  const start: CellState = { project, variant: { type: 'merge' }, drawing }
  const values = { x: valuesOf('x'), y: valuesOf('y'), z: valuesOf('z') }
  const labelsOf = (axis: AxisName): string[] => values[axis].map(({ label }) => label)
  const labels = { x: labelsOf('x'), y: labelsOf('y'), z: labelsOf('z') }
  const cells = AXES.toSorted((a, b) => rank(b) - rank(a)).reduce<Open[]>(
    (open, axis) => open.flatMap((cell) => values[axis].map((value, index) => taken(cell, axis, value, index))),
    [{ state: start, at: { x: 0, y: 0, z: 0 } }],
  )
  return { labels, cells: cells.map(({ state, at }) => cellOf(state, at, labels)) }

  function valuesOf(axis: AxisName): AxisValue[] {
    const asked = grid[axis]
    if (asked === null) return [{ label: '', apply: (state) => state }]
    const found = axisValues(asked, project)
    if ('values' in found) return found.values
    throw new FusionError('validation', `${axis.toUpperCase()}: ${found.problem}`)
  }

  function rank(axis: AxisName): number {
    const asked = grid[axis]
    return asked === null ? 0 : costOf(asked.kind)
  }
}

interface Open {
  state: CellState
  at: Record<AxisName, number>
}

function taken({ state, at }: Open, axis: AxisName, value: AxisValue, index: number): Open {
  return { state: value.apply(state), at: { ...at, [axis]: index } }
}

function cellOf({ project, variant, drawing }: CellState, at: Record<AxisName, number>, labels: GridLabels): GridCell {
  const label = AXES.map((axis) => labels[axis][at[axis]])
    .filter(Boolean)
    .join(' · ')
  const styled = { ...drawing, prompt: styledPrompt(drawing.prompt, project.preview) }
  return { place: { ...at, label }, drawing: styled, variant, project, merge: mergeOfVariant(project, variant) }
}
