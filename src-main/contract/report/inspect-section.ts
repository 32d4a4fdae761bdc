import { csvTable } from '../values/csv'
import type { Project } from '../document/project'
import { blockWords } from '../document/blocks/block-words'
import type { GroupMeasures } from './group-measures'
import type { InspectedMap } from './inspected-map'
import { fittedScale, MEASURE_NAMES, MEASURES, valueOf, type MeasureName } from './measures'
import { survivalWords } from './merge-factors'
import type { ReportSection, ReportTable } from './report-page'

/** Blocks × specialists, a table for each measure. */
export function inspectSection(map: InspectedMap, project: Pick<Project, 'method'>): ReportSection {
  return {
    title: 'What the specialists changed',
    paragraphs: [map.sentence, 'The CSV has every layer.'],
    tables: MEASURE_NAMES.map((name) => measureTable(map, name, project)).filter(({ rows }) =>
      rows.some(({ cells }) => cells.some(({ text }) => text !== '')),
    ),
  }
}

/** Of a table without marks. */
const CONFLICT =
  'The least correlation of its change with that of another specialist, which the cell names. Below 0 they pull in opposite directions.'

function measureTable(map: InspectedMap, name: MeasureName, project: Pick<Project, 'method'>): ReportTable {
  const { label, help, format } = MEASURES[name]
  const values = [...map.blocks.values()].flatMap((one) => map.names.map((_, column) => valueOf(one, name, column)))
  const known = values.filter((value) => value !== null)
  const row = (title: string, measures: GroupMeasures): ReportTable['rows'][number] => ({
    name: title,
    cells: map.names.map((_, column) => {
      const value = valueOf(measures, name, column)
      const opponent = name === 'conflict' ? map.names[measures.conflict[column]?.opponent ?? -1] : undefined
      return { text: value === null ? '' : [format(value), opponent].filter(Boolean).join(' · '), value }
    }),
  })
  const words = { survives: survivalWords(project), conflict: CONFLICT }[name as string] ?? help
  const scales = { light: fittedScale('light', name, known), dark: fittedScale('dark', name, known) }
  return {
    caption: `${label}: ${words} Colours from ${format(scales.light.low)} to ${format(scales.light.high)}.`,
    columns: map.names,
    rows: [
      row('Whole network', map.network),
      ...[...map.blocks].map(([block, measures]) => row(blockWords(block), measures)),
    ],
    scales,
  }
}

/** All measures of the network, its blocks and its layers: a line for each specialist. */
export function inspectedAsCsv({ names, network, blocks, layers, byLayer }: InspectedMap): string {
  const groups = [
    { level: 'network', block: '', layer: '', measures: network },
    ...[...blocks].map(([block, measures]) => ({ level: 'block', block, layer: '', measures })),
    ...layers.flatMap(({ key, name, block }) => {
      const measures = byLayer.get(key)
      return measures ? [{ level: 'layer', block, layer: name, measures }] : []
    }),
  ]
  const lines = groups.flatMap((group) => names.map((specialist, column) => ({ ...group, specialist, column })))
  return csvTable<(typeof lines)[number]>(
    {
      level: ({ level }) => level,
      block: ({ block }) => block,
      layer: ({ layer }) => layer,
      specialist: ({ specialist }) => specialist,
      change: ({ measures, column }) => measures.change[column],
      survives: ({ measures, column }) => measures.survives[column],
      'least-correlation': ({ measures, column }) => measures.conflict[column]?.value,
      opponent: ({ measures, column }) => names[measures.conflict[column]?.opponent ?? -1],
      'mean-correlation': ({ measures, column }) => measures.others[column],
    },
    lines,
  )
}
