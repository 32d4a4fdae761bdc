import { z } from 'zod'
import { exportKey } from '../contract/document/export-key'
import { identityOf, inspectionKey, isAbout } from '../contract/document/names/model-identity'
import { takingPart, type Project } from '../contract/document/project'
import { inspectionSchema, NO_INSPECTION, type Inspection } from '../contract/inspect'
import type { TaskOf } from '../contract/protocol/compute-tasks'
import type { Job } from '../contract/jobs'
import type { EventHub } from './event-hub'
import { readJsonFile, writeJsonFile } from './files/json-file'
import type { ComputeJobs } from './jobs/compute-jobs'
import type { JobQueue } from './jobs/job-queue'
import type { Log } from './log'

/** What inspections need of the program. */
export interface InspectionHost {
  readonly jobs: ComputeJobs
  readonly queue: JobQueue
  readonly events: EventHub
  readonly log: Log
  /** @throws FusionError 'device' */
  provider(): Promise<TaskOf<'inspect'>['provider']>
}

/** Inspected layers: the last whole map, kept over a restart, and the one that is computed now. */
export class Inspections {
  private whole: Inspection | null = null
  /** Begun after the whole one; as soon as it is complete it takes its place. */
  private begun: Inspection | null = null
  private writing: Promise<void> = Promise.resolve()

  /** @param file where the last whole map is kept */
  constructor(
    private readonly program: InspectionHost,
    private readonly file: string,
  ) {}

  async open(): Promise<void> {
    this.whole = await readJsonFile(this.file, z.nullable(inspectionSchema))
  }

  /** Computes all layers of a project's models; what is shown stays until the new one is there. */
  start(project: Project): { job: Job } {
    const { jobs, queue, events } = this.program
    queue.cancelAll('inspect')
    const models = takingPart(project.models)
    const started = jobs.start({
      kind: 'inspect',
      title: `Inspect ${models.length} models`,
      of: exportKey(project),
      task: async () => ({ type: 'inspect', project, provider: await this.program.provider() }),
      onEvent: ({ event, job }) => {
        if (event.type !== 'rows' || this.begun?.job !== job) return
        this.begun.rows.push(...event.rows)
        if (event.last) this.keep({ ...this.begun, complete: true })
        events.emit({ type: 'inspect-rows', job, rows: event.rows, last: event.last })
      },
      onSuccess: () => this.writing,
    })
    this.begun = {
      job: started.job.id,
      time: Date.now(),
      key: inspectionKey(project),
      models: models.map(identityOf),
      rows: [],
      complete: false,
    }
    return started
  }

  /** What is known of a project's models: the whole map, else the one that is being computed, or was; else nothing. */
  of({ models }: Pick<Project, 'models'>): Inspection {
    return [this.whole, this.begun].find((one) => one !== null && isAbout(one.models, models)) ?? NO_INSPECTION
  }

  private keep(inspection: Inspection): void {
    this.whole = inspection
    this.begun = null
    const { log } = this.program
    this.writing = this.writing
      .then(() => writeJsonFile(this.file, inspection))
      .catch((error: unknown) => log.add('warning', `The map of layers could not be kept: ${String(error)}`))
  }
}
