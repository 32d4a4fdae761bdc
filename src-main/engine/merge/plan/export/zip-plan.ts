import { FusionError } from '../../../../contract/errors'
import type { MethodSettings, ModelEntry } from '../../../../contract/document/project'
import { formatCount } from '../../../../contract/values/format'
import { Blocks } from '../blocks'
import { calibratedModel, denoiserFiles, recordedAs } from '../calibration/calibrated-models'
import { CALIBRATE_HINT, type Calibration } from '../calibration/calibration-file'
import type { OpenedModels, PlannedModel } from '../merge-plan'
import { hashFile } from '../../../checkpoint/hash'
import { denoiserOf } from '../../../checkpoint/denoisers'
import { TensorReader } from '../../../checkpoint/containers/tensor-reader'
import { MatrixProducts } from '../../../linear-algebra/matrix-products'
import type { AlignListener } from '../../alignment/align-models'
import { RememberedWork } from '../../alignment/remembered-work'
import { zippedComponent, zipUnits, type ZippedSpace } from '../../alignment/zip-units'

/** By the files and settings that what was put together depends on. */
const known = new RememberedWork<ZippedSpace[]>(4)

/**
 * The two models of ZipIt! as their mean merges them (alignment/zip-units.ts): of the network that predicts noise; all
 * other parts are averaged as they are.
 * @throws FusionError 'incompatible' where the calibration is of another base, or has no inputs of any hidden layer;
 * 'not-finite', 'source-changed', 'cancelled'
 */
export async function zipModels(
  opened: OpenedModels,
  calibration: Calibration,
  settings: MethodSettings,
  { signal, onAligning }: AlignListener,
): Promise<OpenedModels> {
  const [base, other] = opened.models as [PlannedModel, PlannedModel]
  const [own, theirs] = [base, other].map(({ checkpoint }) => denoiserOf(checkpoint))
  const notes = weighs(base.entry) || weighs(other.entry) ? [EVEN] : []
  if (!own || !theirs || !opened.components.includes(own.name))
    return { ...opened, warnings: [...opened.warnings, ...notes] }
  const { repeat, within, depth } = settings
  const files = [...base.checkpoint.files, ...other.checkpoint.files, calibration.file]
  const key = JSON.stringify([files, other.entry.strengths, repeat, within, depth])
  const blocks = Blocks.of(base.checkpoint)
  const isZipped = (tensor: string): boolean => {
    const place = blocks.labels.indexOf(blocks.blockOf(own.name, tensor))
    return (Math.max(0, place) + 1) / blocks.labels.length <= depth
  }
  const work = async (): Promise<ZippedSpace[]> => {
    const place = await placeOf(base, calibration)
    const reader = new TensorReader(files)
    const products = new MatrixProducts('cpu')
    try {
      return await zipUnits(
        [own, theirs],
        (module) => (isZipped(`${module}.weight`) ? calibration.columns.get(module)?.[place] : undefined),
        reader,
        { repeat, within },
        { products, signal, onProgress: (fraction) => onAligning?.(other.entry.name, fraction) },
      )
    } finally {
      await products.release()
      reader.close()
    }
  }
  const zipped = await known.result(key, work)
  const models = opened.models.map((model, index) => {
    const component = zippedComponent(denoiserOf(model.checkpoint)!, zipped, index === 0 ? 0 : 1)
    const components = new Map(model.checkpoint.components).set(own.name, component)
    return { ...model, checkpoint: { ...model.checkpoint, components } }
  })
  return { ...opened, models, warnings: [...opened.warnings, inWords(zipped, other.entry.name), ...notes] }
}

const EVEN = 'ZipIt! counts both models the same: their weights are not used.'

function weighs({ weight, blocks, layers }: ModelEntry): boolean {
  return weight !== 1 || Object.keys(blocks).length > 0 || layers.length > 0
}

/** The base's place in a calibration's record. */
async function placeOf({ checkpoint, entry }: PlannedModel, { record, file }: Calibration): Promise<number> {
  const hashes: string[] = []
  for (const path of denoiserFiles(checkpoint)) hashes.push(await hashFile(path))
  const place = calibratedModel(record, recordedAs(checkpoint, hashes))
  if (place >= 0) return place
  throw new FusionError('incompatible', `${file.path} has no inputs of ${entry.name}.`, {
    hint: `It was made with other models, or a model has changed since. ${CALIBRATE_HINT}`,
  })
}

/** How many features found another one than that in their place. */
function inWords(zipped: readonly ZippedSpace[], name: string): string {
  if (zipped.length === 0)
    return 'No hidden layer is zipped: there are no inputs of one in the calibration file, or the depth leaves none. The models are averaged.'
  let [total, elsewhere, within] = [0, 0, 0]
  for (const { space, groups } of zipped)
    for (const group of groups.flat()) {
      total++
      const places = new Set(group.map((unit) => unit % space.units))
      if (group.every((unit) => unit < space.units) || group.every((unit) => unit >= space.units)) within++
      else if (places.size > 1) elsewhere++
    }
  return (
    `Of ${formatCount(total)} hidden features ${formatCount(total - elsewhere - within)} are averaged with the one in the same place ` +
    `of ${name}, ${formatCount(elsewhere)} with others, and ${formatCount(within)} are of one model alone. The residual streams are averaged place by place.`
  )
}
