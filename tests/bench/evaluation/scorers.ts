// One picture and one prompt through ImageReward (ViT-L/16 and BERT base, float32 file), HPS (ViT-H/14, float16 file) and
// PickScore (ViT-H/14, float32 file) of the published shapes with synthetic weights, in float32 arithmetic on one core of this machine: ours against
// transformers', in one run, with the peak memory of loading and scoring.
//   node scripts/run-ts.mjs tests/bench/evaluation/scorers.ts FOLDER [PICTURES] [full|tiny] [image-reward|hps|pick-score]
// FEATUREFUSION_PYTHON=…/python; FOLDER is filled if it is empty: 9.6 GB. tiny: a smoke run whose figures mean nothing.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openWeights } from '../../../src-main/engine/checkpoint/containers/open-container'
import { openCheckpoint } from '../../../src-main/engine/checkpoint/open'
import { ClipModel, cosine } from '../../../src-main/engine/evaluate/clip/clip-score'
import { clipWeights, type ClipWeights } from '../../../src-main/engine/evaluate/clip/clip-weights'
import { requireFinite } from '../../../src-main/engine/evaluate/scores/finite-weights'
import { findImageReward } from '../../../src-main/engine/evaluate/scores/image-reward-files'
import { ImageReward, readImageReward } from '../../../src-main/engine/evaluate/scores/image-reward'
import { openClipWeights } from '../../../src-main/engine/evaluate/scores/open-clip-weights'
import { readJsonObjectSync } from '../../../src-main/engine/files/reading/json-object'
import type { ProviderStatus } from '../../../src-main/engine/runtime/providers'
import { best, inWords, phase, watch } from '../measure/phases'

const TOKENS = 35
const CLIP_TOKENS = 77
const USED_TOKENS = 12
const PYTHON_SIDE = join(import.meta.dirname, 'transformers_scorers.py')
/** PyTorch's threads wait busily for each other: on a shared machine only one of them tells what work costs. */
const ONE_CORE = ['-c', '0']
const SCORERS = ['image-reward', 'hps', 'pick-score'] as const
type Scorer = (typeof SCORERS)[number]
const CPU: ProviderStatus = { provider: 'cpu', available: true, fusedAttention: true }

/** The same smooth numbers as transformers_scorers.py. */
function pixels(edge: number): Float32Array {
  return Float32Array.from({ length: 3 * edge * edge }, (_, i) => Math.sin(i * 12.9898))
}

async function imageReward(folder: string, pictures: number): Promise<number> {
  const network = await phase('load', async () => {
    const { weights, config } = await findImageReward(join(folder, 'image-reward'))
    const opened = await readImageReward(weights, config)
    await requireFinite([...opened.tensors.values()])
    return ImageReward.open(opened, CPU)
  })
  const used = Array.from({ length: TOKENS }, (_, i) => i < USED_TOKENS)
  const ids = used.map((isUsed, i) => (isUsed ? i + 5 : 0))
  const mask = used.map(Number)
  let score = NaN
  for (let i = 0; i < pictures; i++)
    score = await phase('score', async () => {
      const [reward] = await network.rewards(pixels(network.imageSize), 1, { ids, mask })
      return reward!.score
    })
  await network.release()
  return score
}

async function hpsWeights(folder: string): Promise<ClipWeights> {
  const config = readJsonObjectSync(join(folder, 'hps/open_clip_config.json'))
  return openClipWeights(await openWeights(join(folder, 'hps/HPS_bench.pt')), config)
}

async function pickScoreWeights(folder: string): Promise<ClipWeights> {
  return clipWeights(await openCheckpoint(join(folder, 'pick-score')))
}

async function clipCosine(open: () => Promise<ClipWeights>, pictures: number): Promise<number> {
  const clip = await phase('load', async () => {
    const weights = await open()
    await requireFinite([...weights.tensors.values()])
    return ClipModel.open(weights, CPU)
  })
  const ids = Array.from({ length: CLIP_TOKENS }, (_, i) => (i < USED_TOKENS ? i + 5 : i === USED_TOKENS ? 599 : 0))
  let score = NaN
  for (let i = 0; i < pictures; i++)
    score = await phase('score', async () => {
      const { embeds } = await clip.images(pixels(clip.imageSize), 1, clip.imageSize)
      const [text] = await clip.texts([ids])
      return cosine(embeds[0]!, text!)
    })
  await clip.release()
  return score
}

async function compare(folder: string, pictures: string, size: string, only: string | undefined): Promise<void> {
  const python = process.env['FEATUREFUSION_PYTHON'] ?? 'python3'
  if (!existsSync(join(folder, 'size.json')))
    spawnSync(python, [PYTHON_SIDE, 'make', folder, size], { stdio: ['ignore', 'inherit', 'inherit'] })
  for (const scorer of SCORERS.filter((name) => only === undefined || name === only)) {
    const own = ['scripts/run-ts.mjs', import.meta.filename, scorer, folder, pictures]
    const mine = await watch('taskset', [...ONE_CORE, process.execPath, ...own])
    const theirs = await watch('taskset', [...ONE_CORE, python, PYTHON_SIDE, scorer, folder, pictures])
    const [a, b] = [mine.checks[0]![0]!, theirs.checks[0]![0]!]
    console.log(`${scorer}: score ours ${a.toFixed(6)}, transformers ${b.toFixed(6)}`)
    for (const name of ['load', 'score'])
      console.log(inWords(name, best(mine.phases, name), best(theirs.phases, name), 'transformers'))
  }
}

const [first, folder, pictures, only] = process.argv.slice(2)
const RUNS: Readonly<Record<Scorer, (folder: string, pictures: number) => Promise<number>>> = {
  'image-reward': imageReward,
  hps: (folder, pictures) => clipCosine(() => hpsWeights(folder), pictures),
  'pick-score': (folder, pictures) => clipCosine(() => pickScoreWeights(folder), pictures),
}
const scorer = SCORERS.find((name) => name === first)
if (scorer) console.log(JSON.stringify({ check: [await RUNS[scorer](folder!, Number(pictures))] }))
else if (first) await compare(first, folder ?? '3', pictures ?? 'full', only)
else throw new Error('scorers.ts FOLDER [PICTURES] [full|tiny] [image-reward|hps|pick-score]')
