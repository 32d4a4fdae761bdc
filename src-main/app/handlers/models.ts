import { basename } from 'node:path'
import type { ModelDescription } from '../../contract/document/models'
import { isWeightsName } from '../../contract/document/names/model-names'
import type { CommandOutput } from '../../contract/protocol/commands'
import { toErrorReport } from '../../contract/errors'
import { openContainer } from '../../engine/checkpoint/containers/open-container'
import { compareCheckpoints } from '../../engine/checkpoint/compare'
import { ARCHITECTURES } from '../../engine/checkpoint/identify/architectures'
import type { Checkpoint } from '../../engine/checkpoint/model/checkpoint'
import { describeCheckpoint } from '../../engine/checkpoint/describe'
import type { Adapter } from '../../engine/adapters/adapter-file'
import { filesOfModel } from '../../engine/merge/open-model'
import { describeAdapter } from '../../engine/adapters/describe-adapter'
import { adapterProblems } from '../../engine/adapters/apply-adapter'
import { takingPart } from '../../contract/document/project'
import { familyOf } from '../../project/family/family-tree'
import { knownModelHashes, modelHash } from '../models/model-hash'
import { describeLayers, mergedComponents } from '../models/project-layers'
import { OpenedModels } from '../models/opened-models'
import type { Studio } from '../studio'
import type { Group, Handlers } from './handlers'

/** Of one entry: tables of training words can have megabytes. */
const LONGEST_TEXT = 400_000

const CHANGED = {
  severity: 'warning' as const,
  message: 'Its file has changed since the project wrote down its hash. Save the project to keep it as it is now.',
}

export function modelHandlers(studio: Studio): Handlers<Group<'models'>> {
  const { jobs } = studio
  const opened = new OpenedModels()
  const open = async (path: string): Promise<Checkpoint | Adapter> => opened.open(await studio.checkPath(path))
  return {
    'models.describe': async ({ paths }) => {
      await studio.modelFiles.watch(paths)
      return { models: await Promise.all(paths.map((path) => describe(studio, path, open))) }
    },
    'models.metadata': async ({ path }) => ({ files: await metadataOf(await studio.checkPath(path)) }),
    'models.compatibility': async () => {
      const { models, output } = studio.project.state.project
      const enabled = takingPart(models)
      const [base, ...specialists] = await Promise.all(enabled.map(({ path }) => open(path).catch(() => null)))
      if (!base || 'modules' in base) return { problems: [] }
      // What cannot be opened says so on its own card.
      const others = specialists.flatMap((opened) => (opened && !('modules' in opened) ? [opened] : []))
      const adapters = specialists.flatMap((opened) => (opened && 'modules' in opened ? [opened] : []))
      return {
        problems: [
          ...compareCheckpoints(base, others, mergedComponents(base, output)),
          ...adapters.flatMap((adapter) => adapterProblems(adapter, base)),
        ],
      }
    },
    'models.layers': async () => {
      const { models, method, output } = studio.project.state.project
      if (models.length === 0) return { blocks: [], layers: [], otherTensors: [] }
      const base = await open(models[0]!.path)
      if ('modules' in base) return { blocks: [], layers: [], otherTensors: [] }
      return describeLayers(base, { method, output })
    },
    'models.cards': () => ({ cards: studio.modelCards.show() }),
    'models.hash': async () => {
      const paths = (await studio.readableProject()).models.map(({ path }) => path)
      const files = (await Promise.all(paths.map(filesOfModel))).flat()
      const task = { type: 'hash' as const, paths: files.map(({ path }) => path), cacheFolder: studio.cache.folder }
      return jobs.start({
        kind: 'hash',
        title: `Hash ${files.length} files`,
        task: () => task,
        onSuccess: async () =>
          studio.project.recordHashes(await knownModelHashes(paths, task.cacheFolder), { replace: false }),
      })
    },
  }
}

/** Of every file that is a container by itself: a model that is a project has the metadata of its sources. */
async function metadataOf(path: string): Promise<CommandOutput<'models.metadata'>['files']> {
  const files = await filesOfModel(path)
  const weights = files.filter((file) => isWeightsName(file.path))
  return Promise.all(
    weights.map(async (file) => {
      const { metadata } = await openContainer(file.path)
      const texts = Object.entries(metadata).map(([key, text]) => [key, text.slice(0, LONGEST_TEXT)])
      const family = familyOf(basename(file.path), metadata)
      return { path: file.path, metadata: Object.fromEntries(texts) as Record<string, string>, family }
    }),
  )
}

async function describe(
  { cache, project }: Studio,
  path: string,
  open: (path: string) => Promise<Checkpoint | Adapter>,
): Promise<ModelDescription> {
  try {
    const opened = await open(path)
    const options = { cacheFolder: cache.folder }
    const summary = await ('modules' in opened ? describeAdapter(opened, options) : describeCheckpoint(opened, options))
    const architectureTitle = summary.adapter?.kind ?? ARCHITECTURES[summary.architecture].title
    const { models } = project.state.project
    const recorded = models.find((model) => model.path === path)?.sha256
    // Specialists are mostly parts of a pipeline; a base that is one lacks what pictures are drawn with.
    const told = summary.problems.filter(({ isOfModelAlone }) => !isOfModelAlone || models[0]?.path === path)
    const now = modelHash(summary.files)
    const changed = recorded !== undefined && now !== null && now !== recorded
    const problems = changed ? [...told, CHANGED] : told
    return { path, summary: { ...summary, architectureTitle, problems }, error: null }
  } catch (error) {
    return { path, summary: null, error: toErrorReport(error) }
  }
}
