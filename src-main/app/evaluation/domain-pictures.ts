import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DOMAIN_PICTURES, type DomainPictures } from '../../contract/evaluate/scores/domain-pictures'
import type { Project } from '../../contract/document/project'
import { FusionError } from '../../contract/errors'
import type { Job } from '../../contract/jobs'
import { openEvaluationData } from '../../engine/evaluate/data/evaluation-data'
import type { Cache } from '../../project/cache'
import { digest } from '../../engine/files/kept/digest'
import { CARDS_URL } from '../files/interface-files'
import { mergedModel, modelNamed, plainModel, type PreviewModel } from '../previews/preview-models'
import { quickPicture, type QuickPicture } from '../previews/quick-picture'
import type { Studio } from '../studio'
import { evaluatedRows } from './evaluation-plan'

interface PlannedPicture {
  row: string
  domain: string
  prompt: string
  model: PreviewModel
  /** Equal for equal weights and settings: in the cache it has this name. */
  key: string
  file: string
}

interface Plan {
  domains: DomainPictures['domains']
  settings: QuickPicture
  pictures: PlannedPicture[]
}

type PicturesHost = Pick<
  Studio,
  'jobs' | 'events' | 'cache' | 'project' | 'readableProject' | 'dataFolder' | 'device' | 'checkMerge'
>

/** What every row of the table draws for the first caption of every domain; pictures are kept in the cache. */
export class DomainDrawings {
  constructor(private readonly program: PicturesHost) {}

  /** What is drawn already: nothing where there are no models or no data, as while another project is being opened. */
  async show(): Promise<DomainPictures> {
    const plan = await this.plan().catch((error: unknown) => {
      if (error instanceof FusionError && error.kind === 'validation') return null
      throw error
    })
    return plan ? shown(plan) : { domains: [], pictures: [], missing: 0 }
  }

  /** Draws those that are missing. @throws FusionError 'validation' where none is */
  async start(): Promise<{ job: Job }> {
    const { jobs, events, cache } = this.program
    const plan = await this.plan()
    const missing = plan.pictures.filter(({ file }) => !existsSync(file))
    if (missing.length === 0) throw new FusionError('validation', 'All of these pictures are drawn.')
    const models = new Map(missing.map(({ model }) => [model.key, model]))
    return jobs.start({
      kind: 'preview',
      title: `Draw who draws what, ${missing.length} pictures`,
      about: DOMAIN_PICTURES,
      task: async () => ({
        type: 'preview',
        models: [...models.values()],
        pictures: missing.map(({ key, prompt, model, file }) => ({
          ...plan.settings,
          ...{ id: key, model: model.key, file, prompt },
        })),
        device: await this.program.device(),
        cacheFolder: cache.folder,
      }),
      onEvent({ event }) {
        if (event.type === 'picture') events.emit({ type: 'domain-pictures', pictures: shown(plan) })
      },
    })
  }

  private async plan(): Promise<Plan> {
    const project = await this.program.readableProject()
    return planDomainPictures(project, await this.program.dataFolder(project), this.program)
  }
}

/**
 * Which pictures there are to draw, and where each is once it is drawn.
 * @param data folder of the evaluation data
 */
export async function planDomainPictures(
  project: Project,
  data: string,
  { cache, checkMerge }: { cache: Pick<Cache, 'merges' | 'cards'>; checkMerge?: PicturesHost['checkMerge'] },
): Promise<Plan> {
  const { domains: found } = await openEvaluationData(data, project.evaluation.seed)
  const domains = found.flatMap(({ name, pictures: [first] }) => (first ? [{ name, prompt: first.caption }] : []))
  const settings = quickPicture(project.preview)
  const pictures: PlannedPicture[] = []
  for (const { name, merge } of evaluatedRows(project, 'table')) {
    if (merge) await checkMerge?.(merge)
    const model = await (merge ? mergedModel(merge, cache.merges) : plainModel(project, modelNamed(project, name)))
    for (const { name: domain, prompt } of domains) {
      const key = digest(['domain', model.key, prompt, settings])
      pictures.push({ row: name, domain, prompt, model, key, file: join(cache.cards, `${key}.png`) })
    }
  }
  return { domains, settings, pictures }
}

function shown({ domains, pictures }: Plan): DomainPictures {
  const drawn = pictures.filter(({ file }) => existsSync(file))
  return {
    domains,
    pictures: drawn.map(({ row, domain, key }) => ({ row, domain, url: `${CARDS_URL}${key}.png` })),
    missing: pictures.length - drawn.length,
  }
}
