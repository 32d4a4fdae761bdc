import { FusionError } from '../../contract/errors'
import { asMatrix } from '../adapter-forms/matrices'
import type { SourceFile } from '../checkpoint/containers/container'
import { TensorReader } from '../checkpoint/containers/tensor-reader'
import type { Matrix } from '../linear-algebra/matrix-products'
import { methodNamed } from '../merge/methods/index'
import { openCalibration } from '../merge/plan/calibration/calibration-file'
import type { MergePlan } from '../merge/plan/merge-plan'
import { PlanColumns } from '../merge/plan/plan-columns'
import { hashSources } from '../merge/plan/recipe'
import { Kernels } from '../tensor/kernels'
import type { FusedTensor } from './adapter-parts'
import type { FuseOptions } from './fusion'

/** Real inputs of layers, from the calibration file that a project names. */
export class RealInputs {
  private readonly reader: TensorReader

  private constructor(
    private readonly columns: PlanColumns,
    readonly file: SourceFile,
  ) {
    this.reader = new TensorReader([file])
  }

  /**
   * @throws FusionError 'validation' where the project names no file, 'incompatible' where it is of other models, and
   * whatever reading it throws
   */
  static async open(plan: MergePlan, options: Pick<FuseOptions, 'cacheFolder' | 'signal'>): Promise<RealInputs> {
    const path = plan.project.method.calibration
    if (path === undefined)
      throw new FusionError('validation', 'SSR-Merge takes real inputs of the layers: no file with them is named.', {
        hint: 'Collect calibration data (featurefusion calibrate, --calibration FILE). Without any it is the plain sum.',
      })
    const calibration = await openCalibration(path)
    const hashes = await hashSources(plan, options)
    const method = methodNamed('feature-regression')
    return new RealInputs(PlanColumns.find({ ...plan, calibration, method }, hashes)!, calibration.file)
  }

  /** Per part of a layer its inputs as rows [S, d] in float64; null where the file has none of some of them. */
  ofLayer({ component, base, parts }: FusedTensor): Matrix[] | null {
    const [, length] = asMatrix(base.shape)
    const columns = this.columns.ofLayer({ component, layer: { weight: base.name } }, length, this.reader)
    const matrices = parts.map(({ model }): Matrix => {
      const rows = columns.counts[model]!
      const kernels = new Kernels(0)
      const scratch = kernels.allocateMore(columns.scratchBytes(model))
      const floats = kernels.allocateMore(rows * length * 4)
      columns.read(model, floats, scratch, kernels)
      return { data: Float64Array.from(floats.floats(rows * length)), rows, columns: length }
    })
    return matrices.every(({ rows }) => rows > 0) ? matrices : null
  }

  /** @throws FusionError 'source-changed' where the file is another than when it was opened */
  checkUnchanged(): void {
    this.reader.checkUnchanged()
  }

  close(): void {
    this.reader.close()
  }
}
