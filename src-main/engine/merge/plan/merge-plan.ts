import { activeParameters, parameterValue } from '../../../contract/methods/settings'
import type { ModelEntry, Project } from '../../../contract/document/project'
import { distinctBy } from '../../../contract/values/distinct-by'
import type { Checkpoint, ComponentName, TensorView } from '../../checkpoint/model/checkpoint'
import type { SourceFile } from '../../checkpoint/containers/container'
import { mergesLayers, type MergeMethod } from '../methods/method'
import type { Calibration } from './calibration/calibration-file'
import type { Layer } from './layers'
import type { Destination, OutputFiles } from './export/output-files'

/** A model that takes part, opened. */
export interface PlannedModel {
  entry: ModelEntry
  checkpoint: Checkpoint
}

interface TaskBase {
  component: ComponentName
  /** Canonical name of the tensor, or of the layer's weight. */
  name: string
  /** The tensor, or the layer's weight, per model, base first; what only comes from the base is one view. */
  views: TensorView[]
  /** Weight per view. */
  weights: number[]
  destination: Destination
}

/** A tensor that is merged by itself, or taken from the base alone. */
export interface TensorTask extends TaskBase {
  kind: 'tensor'
  method: Extract<MergeMethod, { kind: 'linear' | 'elementwise' | 'vector' }>
}

/** A layer that is merged as a matrix: by its rows' correlations, or fitted to real inputs. */
export interface LayerTask extends TaskBase {
  kind: 'layer'
  layer: Layer
  biasViews: TensorView[] | null
  biasDestination: Destination | null
  /** Columns that a regression of the layer takes, about; null where rows are merged by correlations. */
  columns: number | null
}

/** How a tensor is written, wherever that is. */
type WrittenForm = Pick<Destination, 'elementType' | 'scaled' | 'transposed' | 'gain'>

/** As much of a layer's task as its arithmetic needs: small enough to be sent to a thread. */
export interface LayerArithmetic extends Omit<LayerTask, 'destination' | 'biasDestination'> {
  destination: WrittenForm
  biasDestination: WrittenForm | null
}

/** A layer's task without the files that it is written to, which list all their tensors. */
export function withoutFiles({ destination, biasDestination, ...task }: LayerTask): LayerArithmetic {
  const formOf = ({ elementType, scaled, transposed, gain }: Destination): WrittenForm => ({
    elementType,
    scaled,
    transposed,
    gain,
  })
  return { ...task, destination: formOf(destination), biasDestination: biasDestination && formOf(biasDestination) }
}

/** Everything about a merge that headers tell, before any weight is read. */
export interface MergePlan {
  project: Project
  method: MergeMethod
  /** Base first. */
  models: PlannedModel[]
  /** The base with the components that the output has: another VAE in place, where one is baked in. */
  base: Checkpoint
  components: ComponentName[]
  /** Labels of the UNet's blocks, in network order. */
  blocks: readonly string[]
  /** Real inputs of the layers, where the method takes them. */
  calibration: Calibration | null
  output: OutputFiles
  tasks: (TensorTask | LayerTask)[]
  warnings: string[]
}

/** The models of a project, opened and found compatible. */
export type OpenedModels = Pick<MergePlan, 'method' | 'models' | 'base' | 'components' | 'calibration' | 'warnings'>

/** The layers of a plan that are merged as matrices. */
export function layerTasksOf({ tasks }: Pick<MergePlan, 'tasks'>): LayerTask[] {
  return tasks.filter((task): task is LayerTask => task.kind === 'layer')
}

/** A checkpoint that a merge makes and nobody has written. */
export interface MergedCheckpoint extends Checkpoint {
  plan: MergePlan
}

/** The merge behind a checkpoint that is not written; undefined for others. */
export function planBehind(checkpoint: Checkpoint | MergedCheckpoint): MergePlan | undefined {
  return 'plan' in checkpoint ? checkpoint.plan : undefined
}

/** Everything that a plan reads, the base first. */
export function checkpointsOf({ base, models }: Pick<MergePlan, 'base' | 'models'>): Checkpoint[] {
  return [base, ...models.map(({ checkpoint }) => checkpoint)]
}

/** The files that a plan reads. */
export function sourcesOf(plan: Pick<MergePlan, 'base' | 'models' | 'calibration'>): SourceFile[] {
  const files = checkpointsOf(plan).flatMap((checkpoint) => checkpoint.files)
  if (plan.calibration) files.push(plan.calibration.file)
  return distinctBy(files, ({ path }) => path)
}

/** What a merge reads of the method's settings: for people and for the recipe. */
export function settingsInUse({ method, project }: Pick<MergePlan, 'method' | 'project'>): Record<string, unknown> {
  const { layerKinds, reuse, align, gains } = project.method
  const parameters = activeParameters(method, project.method)
  return {
    ...Object.fromEntries(parameters.map((parameter) => [parameter.key, parameterValue(parameter, project.method)])),
    ...(mergesLayers(method) && layerKinds.length > 0 && { layerKinds }),
    ...(method.kind === 'fusion' && reuse && { reuse }),
    ...(align && { align }),
    ...(gains.length > 0 && { gains }),
  }
}
