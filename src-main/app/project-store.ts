import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { FusionError } from '../contract/errors'
import type { AppEvent } from '../contract/protocol/events'
import { projectSchema, type Project } from '../contract/document/project'
import type { Edit, ProjectState, RecentProject } from '../contract/state'
import { readJsonFile, writeJsonFile } from './files/json-file'
import { applyEdit, EMPTY_PROJECT } from '../project/edits'
import { exists, projectTitle, readProject, writeProject } from '../project/project-file'

const AUTOSAVE_DELAY_MS = 300
const KEPT_RECENT = 20

const autosaveSchema = z.object({
  project: projectSchema,
  path: z.string().nullable(),
  title: z.string(),
  dirty: z.boolean(),
  /** Whether the program ended by itself. */
  closed: z.boolean(),
})
const recentFileSchema = z.array(z.object({ path: z.string(), time: z.number() }))

/** Which document it is that is open, beside what is in it. */
interface Identity {
  path: string | null
  title: string
  dirty: boolean
  recovered: boolean
}

interface Step {
  label: string
  project: Project
  /** Edits with this key that follow belong to the same step. */
  merge: string | undefined
  /** Of the document that this step put another one in the place of; null: it changed the same document. */
  identity: Identity | null
}

/**
 * The one document: what it is, its undo and redo, where it is saved. Every change is autosaved beside the settings, so
 * that a crash loses nothing.
 */
export class ProjectStore {
  private project: Project = EMPTY_PROJECT
  private path: string | null = null
  private title = 'Untitled'
  private dirty = false
  private recovered = false
  private revision = 0
  /** Before each change. */
  private undoSteps: Step[] = []
  private redoSteps: Step[] = []
  private recentFiles: z.infer<typeof recentFileSchema> = []
  private timer: NodeJS.Timeout | null = null
  private closed = false
  private writing: Promise<void> = Promise.resolve()

  private constructor(
    private readonly folder: string,
    private readonly emit: (event: AppEvent) => void,
  ) {}

  /** Opens what was there when the program ended, however it ended. */
  static async open(folder: string, emit: (event: AppEvent) => void): Promise<ProjectStore> {
    const store = new ProjectStore(folder, emit)
    const left = await readJsonFile(store.autosaveFile, autosaveSchema)
    if (left) {
      Object.assign(store, { project: left.project, path: left.path, title: left.title, dirty: left.dirty })
      store.recovered = left.dirty && !left.closed
    }
    store.recentFiles = (await readJsonFile(store.recentFile, recentFileSchema)) ?? []
    return store
  }

  get state(): ProjectState {
    const { project, path, title, dirty, recovered, revision } = this
    const undo = this.undoSteps.at(-1)?.label ?? null
    const redo = this.redoSteps.at(-1)?.label ?? null
    return { project, path, title, dirty, recovered, revision, undo, redo }
  }

  /**
   * A new document that has no file; the demo, a restored recipe.
   * @param label of the step that brings the one before back
   */
  replace(project: Project, { title = 'Untitled', label = 'New project' } = {}): ProjectState {
    return this.begin(project, null, title, label)
  }

  /** @throws FusionError 'not-found', 'unreadable', 'malformed' */
  async openFile(path: string, check: (project: Project) => Promise<void>): Promise<ProjectState> {
    const project = await readProject(path)
    await check(project)
    await this.remember(path)
    const title = projectTitle(path)
    return this.begin(project, path, title, `Open ${title}`)
  }

  /** @throws FusionError 'target', 'validation' where there is no path */
  async save(path: string | undefined, overwrite: boolean): Promise<ProjectState> {
    const target = path ?? this.path
    if (target === null) {
      throw new FusionError('validation', 'The project has no file yet.', { hint: 'Choose a name for it.' })
    }
    const { project } = this
    await writeProject(target, project, overwrite || target === this.path)
    await this.remember(target)
    this.path = target
    this.title = projectTitle(target)
    this.dirty = this.project !== project
    this.recovered = false
    // What another document had in this file is there no more.
    for (const { identity } of [...this.undoSteps, ...this.redoSteps]) {
      if (identity?.path === target) identity.dirty = true
    }
    return this.changed()
  }

  /** All edits or none. */
  edit(edits: readonly Edit[], label: string, merge?: string): ProjectState {
    const before = this.project
    const after = edits.reduce(applyEdit, before)
    const last = this.undoSteps.at(-1)
    const continues = merge !== undefined && last?.merge === merge && this.redoSteps.length === 0
    if (!continues) this.undoSteps.push({ label, project: before, merge, identity: null })
    this.redoSteps = []
    this.project = after
    this.dirty = true
    return this.changed()
  }

  /**
   * Writes down what the models' files are, here and in every step of undo and redo: what is known about files is no
   * change of the document. `replace`: also where another hash is written down.
   */
  recordHashes(hashes: ReadonlyMap<string, string>, { replace }: { replace: boolean }): void {
    this.changeEverywhere((project) => {
      const missing = project.models.some(({ path, sha256 }) => hashes.has(path) && (replace || sha256 === undefined))
      if (!missing) return project
      const models = project.models.map((model) => {
        const sha256 = replace || model.sha256 === undefined ? hashes.get(model.path) : undefined
        return sha256 === undefined ? model : { ...model, sha256 }
      })
      return { ...project, models }
    })
  }

  /**
   * Merges from stored contributions from now on, here and in every step of undo and redo: how a merge is computed is no
   * step that a person has made.
   */
  keepContributions(): void {
    this.changeEverywhere((project) => ({ ...project, method: { ...project.method, reuse: true } }))
  }

  private changeEverywhere(change: (project: Project) => Project): void {
    const before = this.project
    this.project = change(before)
    for (const step of [...this.undoSteps, ...this.redoSteps]) step.project = change(step.project)
    if (this.project !== before) this.changed()
  }

  undo(): ProjectState {
    return this.step(this.undoSteps, this.redoSteps)
  }

  redo(): ProjectState {
    return this.step(this.redoSteps, this.undoSteps)
  }

  /** @param mayRead where it is false, nothing is told of the file */
  async recent(mayRead: (path: string) => Promise<boolean>): Promise<RecentProject[]> {
    return Promise.all(
      this.recentFiles.map(async ({ path, time }) => ({
        path,
        time,
        title: projectTitle(path),
        exists: (await mayRead(path)) && (await exists(path)),
      })),
    )
  }

  async forgetRecent(path: string): Promise<void> {
    this.recentFiles = this.recentFiles.filter((entry) => entry.path !== path)
    await writeJsonFile(this.recentFile, this.recentFiles)
  }

  /** Writes what is not written yet; what comes after it, from commands that were on their way, is not kept. */
  async close(): Promise<void> {
    this.closed = true
    if (this.timer) clearTimeout(this.timer)
    await this.autosave(true)
  }

  /** Puts another document in the place of this one, which undo brings back, with its file and what was not saved. */
  private begin(project: Project, path: string | null, title: string, label: string): ProjectState {
    // Neither an empty document that nobody has touched is missed, nor the same one.
    const isUntouched = this.undoSteps.length === 0 && isDeepStrictEqual(this.project, EMPTY_PROJECT)
    const isSame = !this.dirty && this.path === path && isDeepStrictEqual(this.project, project)
    if (!isUntouched && !isSame) {
      this.undoSteps.push({ label, project: this.project, merge: undefined, identity: this.identity })
    }
    Object.assign(this, { project, path, title, dirty: false, recovered: false, redoSteps: [] })
    return this.changed()
  }

  private step(from: Step[], to: Step[]): ProjectState {
    const step = from.pop()
    if (!step) return this.state
    to.push({ ...step, project: this.project, merge: undefined, identity: step.identity && this.identity })
    this.project = step.project
    if (step.identity) Object.assign(this, step.identity)
    else this.dirty = true
    return this.changed()
  }

  private get identity(): Identity {
    const { path, title, dirty, recovered } = this
    return { path, title, dirty, recovered }
  }

  private changed(): ProjectState {
    this.revision++
    const { state } = this
    this.emit({ type: 'project', project: state })
    if (!this.closed) {
      this.timer ??= setTimeout(() => {
        this.timer = null
        void this.autosave(false)
      }, AUTOSAVE_DELAY_MS)
    }
    return state
  }

  private autosave(closed: boolean): Promise<void> {
    this.writing = this.writing.then(async () => {
      const { project, path, title, dirty } = this
      await writeJsonFile(this.autosaveFile, { project, path, title, dirty, closed }).catch(() => {
        // The next change tries again; until then the document lives in memory.
      })
    })
    return this.writing
  }

  private async remember(path: string): Promise<void> {
    const others = this.recentFiles.filter((entry) => entry.path !== path)
    this.recentFiles = [{ path, time: Date.now() }, ...others].slice(0, KEPT_RECENT)
    await writeJsonFile(this.recentFile, this.recentFiles)
  }

  private get autosaveFile(): string {
    return join(this.folder, 'autosave.json')
  }

  private get recentFile(): string {
    return join(this.folder, 'recent.json')
  }
}
