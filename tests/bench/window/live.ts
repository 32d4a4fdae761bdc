// Tuning live, against issue 6's limits.
//   npm run build && node scripts/run-ts.mjs tests/bench/window/live.ts slider                 the demo through `serve`: move → grid
//   … live.ts fed [PIPELINE]                a UNet's step with fed weights against a plain one: the demo's, or another's
//   … live.ts block UNETS CACHE [SPECIALISTS]  weights for one block's slider against all (SD 1.4 shapes; contributions in
//                                            CACHE are made where they are not there: minutes)
import { loadavg } from 'node:os'
import { resolve } from 'node:path'
import { projectSchema, type Project } from '../../../src-main/contract/document/project'
import { buildUnet } from '../../../src-main/engine/architecture/unet'
import { openCheckpoint } from '../../../src-main/engine/checkpoint/open'
import { findDemoFamily } from '../../../src-main/engine/evaluate/data/demo-family'
import { ensureContributions } from '../../../src-main/engine/merge/contributions/contributions'
import { LiveWeights } from '../../../src-main/engine/merge/live-weights'
import { planMerge } from '../../../src-main/engine/merge/open-model'
import { hashSources } from '../../../src-main/engine/merge/plan/recipe'
import { convolutionBlock } from '../../../src-main/engine/runtime/blocked-convolution'
import { weightBytes } from '../../../src-main/engine/runtime/memory'
import { MAX_REORDERED_BYTES, Network } from '../../../src-main/engine/runtime/network'
import type { Tensor } from '../../../src-main/engine/runtime/session'
import { StudioServer } from '../../e2e/support/studio-server'
import { median, sampleTree, residentBytes } from '../measure/process-tree'
import { LiveClient } from './live-client'
import { writeSyntheticUnets } from '../inputs/synthetic-unets'

const MOVES = 21
const STEPS = 11
/** Of a model that somebody names: such steps take long. */
const LARGE_STEPS = 4
const DRAFT_STEPS = 8

const [part, ...rest] = process.argv.slice(2)

function tell(what: string, value: number, limit: number, unit: string, more = ''): void {
  const verdict = value <= limit ? 'ok  ' : 'OVER'
  console.log(
    `${verdict} ${what}: ${value.toFixed(3)} ${unit} (limit ${limit} ${unit}; ${more}load ${loadavg()[0]!.toFixed(1)})`,
  )
}

/** From a slider's move to a whole grid of four pictures with few steps, by a client of the running program. */
async function slider(): Promise<void> {
  const server = await StudioServer.start()
  try {
    const client = await LiveClient.connect(server.url)
    const { project } = (await client.invoke('project.demo', {})) as { project: Project }
    const preview = { ...project.preview, seeds: [1, 2, 3, 4], steps: DRAFT_STEPS }
    await client.edit([{ type: 'set-preview', preview }])
    await client.invoke('preview.live', { on: true })
    await client.untilShown(0)
    const seconds: number[] = []
    const loads = new Set<string>()
    for (let move = 0; move < MOVES; move++) {
      const before = client.liveStates.length
      const model = { ...project.models[1 + (move % (project.models.length - 1))]!, weight: 0.3 + 0.03 * move }
      const started = performance.now()
      await client.edit([{ type: 'set-model', name: model.name, model }])
      await client.untilShown(before)
      seconds.push((performance.now() - started) / 1000)
      client.liveStates.slice(before).forEach(({ stage }) => loads.add(stage))
    }
    const slowest = Math.max(...seconds).toFixed(3)
    tell(
      `from a slider's move to ${DRAFT_STEPS} steps of 4 pictures`,
      median(seconds),
      0.7,
      's',
      `median of ${MOVES}, slowest ${slowest}; `,
    )
    console.log(
      `     stages seen: ${[...loads].join(' ')}; sessions were ${loads.has('loading') ? 'BUILT ANEW' : 'kept'}`,
    )
    const compute = (sampleTree(server.pid).bytes - residentBytes(server.pid)) / 1e6
    tell('compute process with all models loaded', compute, 400, 'MB')
    client.close()
  } finally {
    await server.stop()
  }
}

/** One step with guidance for a picture of the model's own size, with fed weights and with plain ones, in turn. */
async function fed(given: string | undefined): Promise<void> {
  const path = given ?? (await findDemoFamily('resources/demo')).base.path
  const { config, tensors } = (await openCheckpoint(path)).components.get('unet')!
  const options = { computeType: 'F32', attention: 'fused' } as const
  const plainGraph = buildUnet(config!, tensors, { ...options, weights: 'initializers' })
  const block = weightBytes(tensors.values(), 'F32') <= MAX_REORDERED_BYTES ? await convolutionBlock() : null
  const fedGraph = buildUnet(config!, tensors, {
    ...options,
    weights: 'inputs',
    ...(block !== null && { convolutionBlock: block }),
  })
  const edge = Number(config!['sample_size'])
  const batch = given === undefined ? 8 : 2
  const values = (...dims: number[]): Tensor => ({
    data: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 12.9898)),
    dims,
  })
  const feeds = {
    sample: values(batch, Number(config!['in_channels']), edge, edge),
    timestep: { data: new Float32Array(batch).fill(481), dims: [batch] },
    encoder_hidden_states: values(batch, 77, Number(config!['cross_attention_dim'])),
  }
  const plain = await Network.open(plainGraph, { provider: 'cpu' })
  const live = await Network.open(fedGraph, { provider: 'cpu' })
  const base = { name: 'base', path, weight: 1 }
  const other = await findDemoFamily('resources/demo')
  const weights = new LiveWeights(fedGraph.weightInputs)
  // All of the base and nothing of another: fed weights that are the plain ones.
  const twin = given === undefined ? other.specialists[0]!.path : rest[1]
  if (twin === undefined) throw new Error('live.ts fed PIPELINE UNET: any other UNet of the same shape')
  const project = projectSchema.parse({
    format: 'featurefusion-project',
    version: 1,
    models: [base, { name: 'other', path: twin, weight: 0 }],
    method: { name: 'soup' },
  })
  await weights.update(await planMerge(project), null)
  live.setWeights(weights.tensors)
  const times = { plain: [] as number[], fed: [] as number[] }
  let furthest = 0
  for (let step = 0; step < (given === undefined ? STEPS : LARGE_STEPS); step++) {
    const outputs: Float32Array[] = []
    for (const [kind, network] of [
      ['plain', plain],
      ['fed', live],
    ] as const) {
      const started = performance.now()
      const { output } = await network.run(feeds)
      if (step > 0) times[kind].push((performance.now() - started) / 1000)
      outputs.push(output!.data as Float32Array)
    }
    outputs[0]!.forEach((value, i) => (furthest = Math.max(furthest, Math.abs(value - outputs[1]![i]!))))
  }
  tell(
    'fed weights against a plain step',
    median(times.fed) / median(times.plain),
    1.2,
    '×',
    `${(median(times.fed) * 1000).toFixed(1)} and ${(median(times.plain) * 1000).toFixed(1)} ms; `,
  )
  console.log(`     largest difference of an output: ${furthest.toExponential(2)}`)
  await plain.release()
  await live.release()
}

/** New weights in memory after one block's slider moved, against all sliders. */
async function block(folder: string, cacheFolder: string, specialists: number): Promise<void> {
  const paths = writeSyntheticUnets(folder, specialists)
  const project = (change: (index: number) => object): Project =>
    projectSchema.parse({
      format: 'featurefusion-project',
      version: 1,
      models: paths.map((path, index) => ({ name: `model-${index}`, path, ...change(index) })),
      method: { reuse: true },
    })
  const unet = (await openCheckpoint(paths[0]!)).components.get('unet')!
  const inputs = [...unet.tensors.values()].map(({ name, shape }) => ({
    name,
    elementType: 'F32' as const,
    dims: shape,
  }))
  const live = new LiveWeights(inputs)
  const plan = await planMerge(project(() => ({})))
  const hashes = await hashSources(plan, { cacheFolder })
  const contributions = await ensureContributions(plan, { cacheFolder, provider: 'cpu', hashes })
  await live.update(plan, contributions)
  for (let round = 0; round < 3; round++) {
    const weight = 0.5 + 0.1 * round
    const all = await live.update(
      await planMerge(project((index) => ({ weight: index === 1 ? weight : 1 }))),
      contributions,
    )
    const label = plan.blocks[Math.floor(plan.blocks.length / 3)]!
    const one = await live.update(
      await planMerge(project((index) => (index === 1 ? { weight, blocks: { [label]: weight / 2 } } : {}))),
      contributions,
    )
    tell(
      `${label} of ${plan.blocks.length} blocks against all`,
      one.seconds / all.seconds,
      0.2,
      '×',
      `${one.seconds.toFixed(2)} s, ${one.summed} of ${one.tensors} tensors, and ${all.seconds.toFixed(2)} s; `,
    )
  }
}

if (part === 'slider') await slider()
else if (part === 'fed') await fed(rest[0])
else if (part === 'block' && rest[1]) await block(resolve(rest[0]!), resolve(rest[1]), Number(rest[2] ?? 3))
else throw new Error('live.ts slider | fed [PIPELINE] | block UNETS CACHE')
