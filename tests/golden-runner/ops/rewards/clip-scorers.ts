import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  scorerFilesSchema,
  type ScorerFiles,
  type ScorerName,
} from '../../../../src-main/contract/evaluate/scores/scorers'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { openWeights } from '../../../../src-main/engine/checkpoint/containers/open-container'
import { plainViews } from '../../../../src-main/engine/checkpoint/key-maps/name-table'
import { preprocessForClip } from '../../../../src-main/engine/diffusion/clip-image'
import { readJsonObjectSync } from '../../../../src-main/engine/files/reading/json-object'
import { ClipModel, cosine, unit } from '../../../../src-main/engine/evaluate/clip/clip-score'
import { clipWeights } from '../../../../src-main/engine/evaluate/clip/clip-weights'
import { preprocessForHps } from '../../../../src-main/engine/evaluate/scores/hps-pixels'
import { readLinearHead } from '../../../../src-main/engine/evaluate/scores/linear-head'
import { loadScorer } from '../../../../src-main/engine/evaluate/scores/load-scorer'
import { openClipWeights } from '../../../../src-main/engine/evaluate/scores/open-clip-weights'
import type { Picture } from '../../../../src-main/engine/image/resample'
import { chooseDevice } from '../../../../src-main/engine/runtime/providers'
import { loadTokenizer } from '../../../../src-main/engine/tokenizer/vocabulary'
import { input, type GoldenCase, type GoldenSet } from '../../golden-set'
import { loadClip } from '../../load-clip'
import type { OpResult, OpRunner } from '../../run-cases'
import { pictureOf } from './pixels'
import { openClipTokensOf } from './tokens'

function picturesOf(goldenCase: GoldenCase): Picture[] {
  const count = Object.keys(goldenCase.inputs).filter((name) => /^image_\d+$/.test(name)).length
  return Array.from({ length: count }, (_, i) => pictureOf(goldenCase, `image_${i}`))
}

async function imagesOf(
  clip: Pick<ClipModel, 'images'>,
  pictures: readonly Picture[],
  size: number,
  pixels: (picture: Picture) => Float32Array,
) {
  const all = Float32Array.from(pictures.flatMap((picture) => [...pixels(picture)]))
  return clip.images(all, pictures.length, size)
}

const flat = (vectors: readonly Float32Array[]): number[] => vectors.flatMap((vector) => [...vector])

/** [prompts, pictures], as a person gets them. */
async function scoresOf(name: ScorerName, files: Partial<ScorerFiles>, pictures: Picture[], prompts: string[]) {
  const scorer = await loadScorer(name, scorerFilesSchema.parse(files), { device: 'cpu' })
  const scored = pictures.map(({ width, height, data }) => ({ width, height, pixels: data }))
  const scores: number[] = []
  for (const prompt of prompts) scores.push(...(await scorer.scores(scored, prompt)))
  await scorer.release()
  return scores
}

/** Ids that differ from the golden ones. */
function wrongIds(goldenCase: GoldenCase, ids: readonly number[][]): string[] {
  const expected = [...input(goldenCase, 'input_ids').values()]
  return ids.flat().every((id, i) => id === expected[i]) ? [] : ['input_ids differ']
}

async function pickScore(goldenCase: GoldenCase, set: GoldenSet): Promise<OpResult> {
  const folder = set.modelPath('pickscore')
  const prompts = goldenCase.params['prompts'] as string[]
  const pictures = picturesOf(goldenCase)
  const weights = clipWeights(await openCheckpoint(folder))
  const clip = await ClipModel.open(weights, await chooseDevice('cpu'))
  const size = clip.imageSize
  const images = await imagesOf(clip, pictures, size, (own) => preprocessForClip(own, size, weights.preprocessing))
  const tokenizer = loadTokenizer(folder)
  const ids = prompts.map((prompt) => tokenizer.encode(prompt))
  const texts = await clip.texts(ids)
  await clip.release()
  const score = await scoresOf('pick-score', { 'pick-score': folder }, pictures, prompts)
  return {
    outputs: {
      image_embeds: flat(images.embeds),
      image_projection: flat(images.projections),
      text_embeds: flat(texts),
      cosine: texts.flatMap((text) => images.embeds.map((image) => cosine(image, text))),
      score,
      probabilities: prompts.flatMap((_, p) => softmax(score.slice(p * pictures.length, (p + 1) * pictures.length))),
    },
    arithmetic: 'float32',
    failures: wrongIds(goldenCase, ids),
  }
}

function softmax(values: readonly number[]): number[] {
  const most = Math.max(...values)
  const powers = values.map((value) => Math.exp(value - most))
  const sum = powers.reduce((total, power) => total + power, 0)
  return powers.map((power) => power / sum)
}

/** Both files of the set must give the same. */
async function hpsScore(goldenCase: GoldenCase, set: GoldenSet): Promise<OpResult> {
  const folder = set.modelPath('hps')
  const files = readdirSync(folder).filter((name) => /\.(safetensors|pt)$/.test(name))
  const [first, ...others] = files.map((name) => join(folder, name))
  const prompts = goldenCase.params['prompts'] as string[]
  const pictures = picturesOf(goldenCase)
  const config = readJsonObjectSync(join(folder, 'open_clip_config.json'))
  const weights = openClipWeights(await openWeights(first!), config)
  const clip = await ClipModel.open(weights, await chooseDevice('cpu'))
  const size = clip.imageSize
  const images = await imagesOf(clip, pictures, size, (own) => preprocessForHps(own, size, weights.preprocessing))
  const tokenizer = openClipTokensOf(set)
  const ids = prompts.map((prompt) => tokenizer.encode(prompt))
  const texts = await clip.texts(ids)
  await clip.release()
  const score = await scoresOf('hps', { hps: first! }, pictures, prompts)
  const failures = wrongIds(goldenCase, ids)
  for (const other of others) {
    const same = await scoresOf('hps', { hps: other, 'pick-score': set.modelPath('pickscore') }, pictures, prompts)
    if (same.some((value, i) => value !== score[i])) failures.push(`${other} gives other scores than ${first}`)
  }
  return {
    outputs: { image_embeds: flat(images.embeds), text_embeds: flat(texts), score },
    arithmetic: 'float32',
    failures,
  }
}

async function aestheticScore(goldenCase: GoldenCase, set: GoldenSet): Promise<OpResult> {
  const folder = set.modelPath('aesthetic')
  const clipFolder = join(folder, 'clip')
  const heads = readdirSync(folder).filter((name) => /\.(safetensors|pth)$/.test(name))
  const [first, second] = heads.map((name) => join(folder, name))
  const { tensors } = await openWeights(first!)
  const head = readLinearHead(first!, plainViews(tensors), '')
  if (goldenCase.params['from'] === 'image_projection') {
    const { width } = head
    const all = Float32Array.from(input(goldenCase, 'image_projection').values())
    const rows = Array.from({ length: all.length / width }, (_, i) => all.subarray(i * width, (i + 1) * width))
    const embeds = rows.map(unit)
    return { outputs: { image_embeds: flat(embeds), score: embeds.map(head.score) }, arithmetic: 'float32' }
  }
  const pictures = picturesOf(goldenCase)
  const { preprocessing } = clipWeights(await openCheckpoint(clipFolder))
  const clip = await loadClip(clipFolder)
  const size = clip.imageSize
  const images = await imagesOf(clip, pictures, size, (own) => preprocessForClip(own, size, preprocessing))
  await clip.release()
  const [score, same] = [first!, second!].map((aesthetic) =>
    scoresOf('aesthetic', { aesthetic, aestheticClip: clipFolder }, pictures, ['']),
  )
  const [scores, others] = [await score!, await same!]
  return {
    outputs: { image_embeds: flat(images.embeds), image_projection: flat(images.projections), score: scores },
    arithmetic: 'float32',
    failures: others.every((value, i) => value === scores[i]) ? [] : [`${second} gives other scores than ${first}`],
  }
}

export const clipScorerOps: Record<string, OpRunner> = {
  pick_score: pickScore,
  hps_score: hpsScore,
  aesthetic_score: aestheticScore,
}
