import { FusionError } from '../../../contract/errors'
import { SCORER_DESCRIPTIONS, type ScorerFiles, type ScorerName } from '../../../contract/evaluate/scores/scorers'
import { requireDeviceMemory, weightBytes } from '../../runtime/memory'
import { chooseDevice, providerAbilities, type ProviderStatus } from '../../runtime/providers'
import { openAesthetic } from './aesthetic'
import { openClip } from './clip'
import { requireFinite } from './finite-weights'
import { openHps } from './hps'
import { openImageReward } from './image-reward'
import { openPickScore } from './pick-score'
import type { OpenedScorer, OpenScorer, PictureScorer, ScoredPicture, ScorerOptions } from './picture-scorer'

const SCORERS: { readonly [name in ScorerName]: OpenScorer } = {
  clip: openClip,
  'image-reward': openImageReward,
  'pick-score': openPickScore,
  hps: openHps,
  aesthetic: openAesthetic,
}

/**
 * Loads one scorer; release it before the next one is loaded (but for SummedScorers).
 * @throws FusionError 'validation' where its files were not named; 'not-found', 'malformed', 'unsupported',
 * 'incompatible', 'not-finite' (naming tensor and file); 'out-of-memory' before anything is loaded; 'device', 'cancelled'
 */
export async function loadScorer(name: ScorerName, files: ScorerFiles, options: ScorerOptions): Promise<PictureScorer> {
  const device = await chooseDevice(options.device)
  const opened = await open(name, files, options, device)
  requireDeviceMemory(device, `Running ${opened.path}`, bytesOf(opened, device))
  await requireFinite(opened.tensors, options.signal)
  return new CheckedScorer(opened.path, await opened.load(device))
}

/**
 * Bytes of weights that a scorer will hold on the device, from the headers of its files: nothing is loaded.
 * @throws FusionError as loadScorer does, but for memory and finite numbers
 */
export async function scorerMemory(
  name: ScorerName,
  files: ScorerFiles,
  options: ScorerOptions = { device: 'cpu' },
): Promise<number> {
  const device = await chooseDevice(options.device)
  return bytesOf(await open(name, files, options, device), device)
}

async function open(
  name: ScorerName,
  files: ScorerFiles,
  options: ScorerOptions,
  device: ProviderStatus,
): Promise<OpenedScorer> {
  const { label, files: wanted } = SCORER_DESCRIPTIONS[name]
  const path = files[name]
  if (path === null)
    throw new FusionError('validation', `The files of ${label} were not named.`, { hint: `Name ${wanted}.` })
  const opened = await SCORERS[name](path, files, options)
  opened.check({ ...providerAbilities(device), weights: 'initializers' })
  return opened
}

function bytesOf({ tensors }: OpenedScorer, device: ProviderStatus): number {
  return weightBytes(tensors, providerAbilities(device).computeType)
}

/** Scores that are no numbers are an error, not a result. */
class CheckedScorer implements PictureScorer {
  readonly name: ScorerName

  constructor(
    private readonly path: string,
    private readonly scorer: PictureScorer,
  ) {
    this.name = scorer.name
  }

  async scores(pictures: readonly ScoredPicture[], prompt: string): Promise<number[]> {
    const scores = await this.scorer.scores(pictures, prompt)
    if (scores.every(Number.isFinite)) return scores
    throw new FusionError('not-finite', `${this.path} gave a score that is no finite number.`, {
      hint: 'Its weights are finite: try `--device cpu`, which computes in float32.',
    })
  }

  release(): Promise<void> {
    return this.scorer.release()
  }
}
