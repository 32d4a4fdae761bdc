import { FusionError } from '../../../contract/errors'
import { SCORER_DESCRIPTIONS, type ScorerFiles, type ScorerName } from '../../../contract/evaluate/scorers'
import { requireDeviceMemory, weightBytes } from '../../runtime/memory'
import { chooseDevice, providerAbilities } from '../../runtime/providers'
import { openClip } from './clip'
import type { OpenedScorer, OpenScorer, PictureScorer, ScorerOptions } from './picture-scorer'

const SCORERS: { readonly [name in ScorerName]?: OpenScorer } = { clip: openClip }

/**
 * Loads one scorer; release it before the next one is loaded.
 * @throws FusionError 'validation' where its files were not named; 'not-found', 'malformed', 'unsupported',
 * 'incompatible', 'not-finite' (naming tensor and file); 'out-of-memory' before anything is loaded; 'device', 'cancelled'
 */
export async function loadScorer(name: ScorerName, files: ScorerFiles, options: ScorerOptions): Promise<PictureScorer> {
  const opened = await open(name, files, options)
  const device = await chooseDevice(options.device)
  const { computeType } = providerAbilities(device)
  requireDeviceMemory(device, `Running ${opened.path}`, weightBytes(opened.tensors, computeType))
  return opened.load(device)
}

/**
 * Bytes of weights that a scorer will hold on the device, from the headers of its files: nothing is loaded.
 * @throws FusionError as loadScorer does, but for memory
 */
export async function scorerMemory(
  name: ScorerName,
  files: ScorerFiles,
  options: ScorerOptions = { device: 'cpu' },
): Promise<number> {
  const { tensors } = await open(name, files, options)
  return weightBytes(tensors, providerAbilities(await chooseDevice(options.device)).computeType)
}

async function open(name: ScorerName, files: ScorerFiles, options: ScorerOptions): Promise<OpenedScorer> {
  const { label, files: wanted } = SCORER_DESCRIPTIONS[name]
  const path = files[name]
  if (path === null)
    throw new FusionError('validation', `The files of ${label} were not named.`, { hint: `Name ${wanted}.` })
  const opener = SCORERS[name]
  if (!opener) throw new FusionError('unsupported', `${label} cannot be computed yet.`)
  return opener(path, files, options)
}
