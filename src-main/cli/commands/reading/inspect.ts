import { Option, type Command } from 'commander'
import { figure, withMinus } from '../../../contract/values/figures'
import { MATRIX_KINDS, type LayerSummary, type MatrixKind, type WeightAdvice } from '../../../contract/inspect'
import { OWN_PNG_FILE } from '../../../engine/image/png-file'
import { checkOutput, writeOutput } from '../../../engine/files/writing/write-output'
import { correlationMatrix } from '../../../engine/inspect/correlation-matrix'
import { HeatMap } from '../../../engine/inspect/heat-map'
import { findLayer, inspectLayers, openInspection, openLayer } from '../../../engine/inspect/inspect'
import { suggestWeights } from '../../../engine/inspect/suggest-weights'
import { yieldOrCancel } from '../../../engine/cancel'
import { FusionSessions } from '../../../engine/merge/fusion/statistics'
import { chooseProvider, DEVICES, type Device } from '../../../engine/runtime/providers'
import { addModelOptions, loadProject, type ModelOptions } from '../../options/model-options'
import { ProgressLine, printResult, runCommand, table, UsageError, type CommonOptions } from '../../output/output'
import { withAligning } from '../../output/plan-progress'

interface InspectOptions extends CommonOptions, ModelOptions {
  device: Device
  layer?: string
  matrix: MatrixKind
  png?: string
  suggest?: boolean
}

/** `featurefusion inspect`: correlations per layer as JSON; one layer's matrix as a picture. */
export function addInspectCommand(program: Command): void {
  const command = program
    .command('inspect [project]')
    .description('show where models agree and conflict, layer by layer')
    .addOption(new Option('--device <name>', 'where matrix products run').choices(DEVICES).default('auto'))
    .option('--layer <name>', 'only this layer')
    .addOption(new Option('--matrix <kind>', 'what --png shows').choices(MATRIX_KINDS).default('P'))
    .option('--png <file>', "write the layer's matrix [rows, models · rows] as a heat map")
    .option('--suggest', 'suggest weights that give every specialist an equal part in the merge, with reasons')
    .option('--json', 'results as JSON')
  addModelOptions(command).action((path: string | undefined, options: InspectOptions) =>
    runCommand(options, async (signal) => {
      const project = await loadProject(path, options)
      const inspection = await withAligning(signal, (listener) => openInspection(project, listener))
      const provider = await chooseProvider(options.device)
      if (options.png !== undefined) {
        if (options.layer === undefined) throw new UsageError('--png shows one layer: say which with --layer NAME.')
        const inspected = findLayer(inspection, options.layer)
        const rule = { kind: OWN_PNG_FILE, overwrite: true }
        await checkOutput(options.png, rule)
        const sessions = new FusionSessions(provider)
        const { rows, fusion, close } = openLayer(inspected, inspection, sessions)
        const map = new HeatMap(rows.rows, rows.models * rows.rows)
        await correlationMatrix(
          options.matrix,
          rows,
          fusion,
          (band) => map.add(band),
          () => yieldOrCancel(signal),
        )
        close()
        await sessions.release()
        const scale = options.matrix === 'P' ? 1 : map.largest
        await writeOutput(options.png, map.toPng(scale), rule)
        const shown = { png: options.png, matrix: options.matrix, width: map.width, height: map.height, scale }
        printResult(
          options,
          shown,
          () =>
            `${options.png}: ${options.matrix} of ${options.layer}, blue ${figure(-scale, 4)} … red ${figure(scale, 4)}`,
        )
        return
      }
      if (options.suggest && options.layer !== undefined) {
        throw new UsageError('--suggest looks at all layers: leave --layer out.')
      }
      const layers = options.layer === undefined ? inspection.layers : [findLayer(inspection, options.layer)]
      const progress = new ProgressLine()
      const summaries: LayerSummary[] = []
      await inspectLayers({ ...inspection, layers }, { provider, signal }, (summary, fraction) => {
        summaries.push(summary)
        progress.show('inspecting', fraction)
      })
      progress.end()
      const models = inspection.models.map(({ entry }) => entry.name)
      const advice = options.suggest ? suggestWeights(models, summaries, project.models) : null
      printResult(options, { models, layers: summaries, ...(advice && { suggestions: advice }) }, () =>
        advice ? adviceInWords(advice) : inWords(models, summaries),
      )
    }),
  )
}

function inWords(models: readonly string[], layers: readonly LayerSummary[]): string {
  const number = (value: number | null | undefined): string => (value == null ? '—' : value.toFixed(3))
  const specialists = models.slice(1)
  /** Mean correlation of a specialist's delta with the others'. */
  const agreement = ({ deltaCorrelation }: LayerSummary, index: number): number | null => {
    const row = deltaCorrelation.slice(index * specialists.length, (index + 1) * specialists.length)
    const others = row.filter((value, other): value is number => other !== index && value !== null)
    return others.length > 0 ? others.reduce((sum, value) => sum + value, 0) / others.length : null
  }
  return table([
    ['block', 'layer', ...specialists.flatMap((name) => [`Δ ${name}`, 'with others']), 'κ aligned', 'κ paper'],
    ...layers.map((layer) => [
      layer.block,
      layer.layer,
      ...specialists.flatMap((_, index) => [number(layer.deltaNormRatio[index]), number(agreement(layer, index))]),
      number(layer.normalisers.aligned?.meanKappa),
      number(layer.normalisers.paper?.meanKappa),
    ]),
  ])
}

function adviceInWords(advice: readonly WeightAdvice[]): string {
  if (advice.length === 0) return 'No suggestion: there must be two specialists that change the same layers.'
  const sections = advice.map(({ block, suggested, specialists, agreement, reason }) => {
    const lines = [block ?? 'all blocks without weights of their own', `  ${reason}`]
    if (!suggested) return lines.join('\n')
    const weights = specialists.map(({ name, weight, suggestedWeight }) => {
      return `${name} ${figure(suggestedWeight, 3)} (now ${figure(weight, 3)})`
    })
    const change = `${withMinus(agreement.now.toFixed(2))} now, ${withMinus(agreement.suggested.toFixed(2))} then`
    const least = `  least agreement of the merged change with a specialist's: ${change}`
    return [...lines, `  weights: ${weights.join(', ')}`, least].join('\n')
  })
  const options = blockWeightOptions(advice)
  return [...sections, ...(options.length > 0 ? ['', 'To take the blocks’ weights:', ...options] : [])].join('\n')
}

/** `merge`'s options that take what is suggested for blocks. */
function blockWeightOptions(advice: readonly WeightAdvice[]): string[] {
  const byName = new Map<string, string[]>()
  for (const { block, suggested, specialists } of advice) {
    if (block === null || !suggested) continue
    for (const { name, suggestedWeight } of specialists)
      byName.set(name, [...(byName.get(name) ?? []), `${block}:${suggestedWeight}`])
  }
  return [...byName].map(([name, weights]) => `  --block-weights ${name}=${weights.join(',')}`)
}
