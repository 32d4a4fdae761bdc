// What suggested weights do to denoising losses of a demo family: every specialist at weight 1 against the weights that
// the correlations suggest, for the network and block by block. The control has equal weights again, all of them small
// enough that the merge moves as far from the base as the suggested one: what it gains, too, is no merit of the choice.
//   node scripts/run-ts.mjs tests/bench/correlations/suggestions.ts [FAMILY [METHOD …]]
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LayerSummary } from '../../../src-main/contract/inspect'
import { projectSchema, type Project } from '../../../src-main/contract/document/project'
import { openCheckpoint } from '../../../src-main/engine/checkpoint/open'
import { loadPipeline } from '../../../src-main/engine/diffusion/load-pipeline'
import { findDemoFamily } from '../../../src-main/engine/evaluate/data/demo-family'
import { denoisingLoss } from '../../../src-main/engine/evaluate/losses/denoising-loss'
import { readEvaluationSet } from '../../../src-main/engine/evaluate/data/evaluation-set'
import { pairedDifference } from '../../../src-main/engine/evaluate/compare/paired-difference'
import { inspectLayers, openInspection } from '../../../src-main/engine/inspect/inspect'
import { suggestWeights } from '../../../src-main/engine/inspect/suggest-weights'
import { planMerge } from '../../../src-main/engine/merge/open-model'
import { runMerge } from '../../../src-main/engine/merge/run'

const [folder = 'resources/demo', ...methods] = process.argv.slice(2)
const family = await findDemoFamily(folder)
const set = await readEvaluationSet(family.evaluation)
const splits = [...new Set(set.domains.flatMap(({ pictures }) => pictures.map(({ split }) => split)))]
const lender = await openCheckpoint(family.base.path)
const scratch = await mkdtemp(join(tmpdir(), 'featurefusion-suggestions-'))
/** Losses per split, domain and picture. */
type Losses = Map<string, number[][]>

function projectOf(specialists: readonly object[], method = 'soup'): Project {
  return projectSchema.parse({
    format: 'featurefusion-project',
    version: 1,
    models: [{ ...family.base, path: join(family.base.path, 'unet') }, ...specialists],
    method: { name: method },
  })
}

async function summariesOf(project: Project): Promise<LayerSummary[]> {
  const rows: LayerSummary[] = []
  await inspectLayers(await openInspection(project), {}, (row) => rows.push(row))
  return rows
}

/** How far each of the merges went from the base, layers counting alike. */
async function lengthsOf(paths: readonly string[]): Promise<number[]> {
  const rows = await summariesOf(projectOf(paths.map((path, index) => ({ name: `merge ${index}`, path }))))
  return paths.map((_, index) =>
    Math.sqrt(rows.reduce((sum, { deltaNormRatio }) => sum + deltaNormRatio[index]! ** 2, 0)),
  )
}

async function merge(name: string, method: string, specialists: readonly object[]): Promise<string> {
  const path = join(scratch, `${method}-${name}`)
  const plan = await planMerge(projectOf(specialists, method))
  await runMerge(plan, { path, provider: 'cpu', cacheFolder: scratch })
  return path
}

async function lossesOf(path: string): Promise<Losses> {
  const pipeline = await loadPipeline(await openCheckpoint(path), { base: lender, device: 'cpu' })
  const losses: Losses = new Map(splits.map((split) => [split, []]))
  for (const domain of set.domains) {
    for (const [split, own] of losses) {
      const pictures = domain.pictures.flatMap((picture, index) => (picture.split === split ? [index] : []))
      own.push([...(await denoisingLoss(pipeline, set, domain, { pictures }))])
    }
  }
  await pipeline.release()
  return losses
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function difference(losses: Losses, other: Losses, split: string): string {
  const { mean: value, standardError } = pairedDifference(losses.get(split)!.flat(), other.get(split)!.flat())
  return `${value.toFixed(5)} ± ${standardError.toFixed(5)}`
}

try {
  const uniform = projectOf(family.specialists)
  const rows = await summariesOf(uniform)
  const advice = suggestWeights(
    uniform.models.map(({ name }) => name),
    rows,
    uniform.models,
  )
  for (const { block, specialists, agreement, reason, suggested } of advice) {
    const weights = specialists.map(({ name, suggestedWeight }) => `${name} ${suggestedWeight.toFixed(2)}`).join(', ')
    const change = `${agreement.now.toFixed(2)} → ${agreement.suggested.toFixed(2)}`
    console.log(`${block ?? 'network'}: ${suggested ? `${weights}; least agreement ${change}; ` : ''}${reason}`)
  }
  const [network, ...blocks] = advice
  const weightIn = (of: (typeof advice)[number], name: string): number | undefined =>
    of.specialists.find((specialist) => specialist.name === name)?.suggestedWeight
  const whole = family.specialists.map((model) => ({ ...model, weight: weightIn(network!, model.name) ?? 1 }))
  const byBlock = whole.map((model) => ({
    ...model,
    blocks: Object.fromEntries(blocks.map((one) => [one.block!, weightIn(one, model.name) ?? 1])),
  }))

  for (const method of methods.length > 0 ? methods : ['featurefusion', 'soup']) {
    const equal = await merge('equal', method, family.specialists)
    const paths = new Map([
      ['equal weights', equal],
      ['network', await merge('network', method, whole)],
      ['blocks', await merge('blocks', method, byBlock)],
    ])
    const [equalLength, ...lengths] = await lengthsOf([...paths.values()])
    const count = family.specialists.length
    for (const [index, name] of ['network', 'blocks'].entries()) {
      // In a soup with the base at 1 the merge moves α / (1 + α · count) of what the specialists moved together.
      const moved = lengths[index]! / equalLength! / (1 + count)
      const weight = moved / (1 - moved * count)
      const smaller = family.specialists.map((model) => ({ ...model, weight }))
      paths.set(`as far as ${name}`, await merge(`control-${name}`, method, smaller))
      console.log(
        `${method}: ${name} goes ${(lengths[index]! / equalLength!).toFixed(2)} of the way, control ${weight}`,
      )
    }
    paths.set('base alone', join(family.base.path, 'unet'))
    const losses = new Map<string, Losses>()
    for (const [name, path] of paths) losses.set(name, await lossesOf(path))
    for (const split of splits) {
      console.log(`\n${method}, ${split}: ${set.domains.map(({ name }) => name).join(' ')} mean`)
      for (const [name, own] of losses) {
        const domains = own.get(split)!.map(mean)
        const figures = [...domains, mean(domains)].map((value) => value.toFixed(4)).join(' ')
        console.log(`${name.padEnd(18)} ${figures}  ${difference(own, losses.get('equal weights')!, split)}`)
      }
      for (const name of ['network', 'blocks']) {
        const against = (other: string): string => difference(losses.get(name)!, losses.get(other)!, split)
        console.log(`${name} against its control: ${against(`as far as ${name}`)}; the base: ${against('base alone')}`)
      }
    }
  }
} finally {
  await rm(scratch, { recursive: true })
}
