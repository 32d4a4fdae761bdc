import { FusionError } from '../../../contract/errors'
import type { Checkpoint, OpenedParts, PredictionType, StatedPrediction } from '../model/checkpoint'
import { isThere, readSmallTextSync } from '../../files/reading/regular-file'
import { SMALL_FILES } from '../../files/reading/small-files'
import { ldmPathsBeside } from '../settings-files'

/** What a checkpoint is. */
export type Identity = Pick<Checkpoint, 'architecture' | 'predictionType' | 'stated'>

/** A line of LDM's configuration beside a single file (`model.params.parameterization`). */
const PARAMETERIZATION = /^[ \t]+parameterization:[ \t]*(["']?)(v|eps|x0)\1[ \t]*(?:#.*)?$/m
/** What LDM predicts where its configuration does not say. */
const LDM_CONFIGURATION = /^model:[ \t]*(?:#.*)?$/m

const WORDS: Readonly<Record<string, PredictionType>> = {
  epsilon: 'epsilon',
  eps: 'epsilon',
  v: 'v_prediction',
  v_prediction: 'v_prediction',
  sample: 'sample',
  x0: 'sample',
}

/**
 * What a checkpoint says of its own prediction: the scheduler of its folder; else the marker tensors of single files
 * (ComfyUI's, by which other programs go too), the configuration beside the file, and the metadata of ComfyUI
 * (`modelspec.predict_key`), of Stability's standard (`modelspec.*`) and of kohya's training (`ss_*`), in this order.
 */
export function statedPrediction(parts: OpenedParts): StatedPrediction {
  const { schedulerConfig: scheduler, metadata, extras } = parts
  const has = (name: string): boolean => extras.some((extra) => extra.name === name)
  const edm = extras.some(({ name }) => name.startsWith('edm_')) || /^EDM/.test(String(scheduler?.['_class_name']))
  const zeroTerminalSnr = scheduler
    ? scheduler['rescale_betas_zero_snr'] === true
    : has('ztsnr') || isTrue(metadata['ss_zero_terminal_snr'])
  // diffusers' default where its file does not say
  const ofScheduler = scheduler ? WORDS[String(scheduler['prediction_type'] ?? 'epsilon')] : undefined
  const marked = has('v_pred') ? 'v_prediction' : undefined
  const type = ofScheduler ?? marked ?? besideFile(parts) ?? ofMetadata(metadata) ?? null
  return { type: edm ? null : type, zeroTerminalSnr, edm, chosen: false }
}

/** What a checkpoint is, with a person's word on its prediction in place of its file's. */
export function withPrediction(identity: Identity, type: PredictionType): Identity {
  const { architecture, stated } = identity
  const isV = type === 'v_prediction'
  const family = architecture === 'sd2' || architecture === 'sd2-v' ? (isV ? 'sd2-v' : 'sd2') : architecture
  return { architecture: family, predictionType: type, stated: { ...stated, type, chosen: true } }
}

/** @throws FusionError 'unsupported' for a model of EDM's parametrisation, which no scheduler here samples */
export function refuseEdm({ path, stated, extras }: Checkpoint): void {
  if (!stated.edm) return
  const marks = extras.filter(({ name }) => name.startsWith('edm_')).map(({ name }) => name)
  const where = marks.length > 0 ? `its tensors ${marks.join(', ')}` : 'its scheduler'
  throw new FusionError('unsupported', `${path} is a model in EDM's parametrisation (${where} say so).`, {
    hint: 'It can be merged, but not drawn or measured here.',
  })
}

function ofMetadata(metadata: Readonly<Record<string, string>>): PredictionType | undefined {
  const stated = WORDS[metadata['modelspec.prediction_type'] ?? ''] ?? WORDS[metadata['modelspec.predict_key'] ?? '']
  if (stated) return stated
  if (metadata['modelspec.architecture']?.endsWith('-v')) return 'v_prediction' // stable-diffusion-v2-768-v
  if (isTrue(metadata['ss_v_parameterization'])) return 'v_prediction'
  return metadata['ss_base_model_version']?.endsWith('_v') ? 'v_prediction' : undefined // sd_v2_v
}

/** What `name.yaml` beside `name.safetensors` says, as the original programs read it. */
function besideFile({ path, layout, problems }: OpenedParts): PredictionType | undefined {
  if (layout !== 'single-file' && layout !== 'unet-file') return undefined
  const yaml = ldmPathsBeside(path).find(isThere)
  if (yaml === undefined) return undefined
  let text: string
  try {
    text = readSmallTextSync(yaml, SMALL_FILES.modelYaml)
  } catch (error) {
    if (!(error instanceof FusionError)) throw error
    problems.push({ severity: 'warning', message: error.message })
    return undefined
  }
  const word = PARAMETERIZATION.exec(text)?.[2]
  return word === undefined ? (LDM_CONFIGURATION.test(text) ? 'epsilon' : undefined) : WORDS[word]
}

/** Python's True, as safetensors metadata carry it: text. */
function isTrue(text: string | undefined): boolean {
  return text !== undefined && /^(?:true|1)$/i.test(text.trim())
}
