import { z } from 'zod'
import { fusionRequestSchema } from '../adapter-fusion'
import { calibrationPlanSchema } from '../document/calibration'
import { relativeSchema } from '../document/family'
import { domainPicturesSchema } from '../evaluate/scores/domain-pictures'
import { evaluationReportSchema } from '../evaluate/report'
import { evaluationResultsSchema } from '../evaluate/results'
import { searchRequestSchema } from '../evaluate/search/search'
import { scorerSchema } from '../evaluate/scores/scorers'
import { evaluationDataSchema } from '../evaluate/settings'
import { numberedEventSchema, type NumberedEvent } from './events'
import { HISTORY_KINDS, historyPageSchema, historyPicturesSchema } from '../history'
import { inspectionSchema, MATRIX_KINDS, weightAdviceSchema } from '../inspect'
import { DEVICES, providerStatusSchema } from '../values/devices'
import { forecastSchema, unfinishedExportSchema } from '../export'
import { gridSchema } from '../grid/grid'
import { jobSchema, queueStateSchema } from '../jobs'
import { LIBRARY_PROGRAMS, libraryListingSchema } from '../library'
import { MOST_PICTURES, MOST_VARIANTS, pathSchema } from '../values/limits'
import { errorReportSchema, incompatibilitySchema, networkSchema, modelDescriptionSchema } from '../document/models'
import { liveStateSchema, pictureRunSchema, pictureSchema, pngSettingsSchema } from '../preview'
import { variantSchema } from '../values/variant'
import { modelCardSchema } from '../model-cards'
import { editSchema, logEntrySchema, projectStateSchema, settingsSchema, snapshotSchema } from '../state'

const path = pathSchema
const nothing = z.strictObject({})
const unfinishedExports = z.object({ exports: z.array(unfinishedExportSchema) })
const startedJob = z.object({ job: jobSchema })

function command<Input extends z.ZodType, Output extends z.ZodType>(input: Input, output: Output) {
  return { input, output }
}

/** Every command of the program. Handlers, preload allowlist, HTTP routes and the client derive from this table. */
export const COMMANDS = {
  'app.snapshot': command(nothing, snapshotSchema),
  /** The tail after a number; null where it is not kept any more: take a snapshot. */
  'app.events': command(
    z.strictObject({ after: z.number().int().nonnegative() }),
    z.object({ events: z.array(numberedEventSchema).nullable() }),
  ),
  /** What the program can do, for menus; contract/methods lists the methods. */
  'app.catalog': command(
    nothing,
    z.object({
      schedulers: z.array(z.object({ name: z.string(), title: z.string() })),
    }),
  ),

  'project.new': command(nothing, projectStateSchema),
  'project.demo': command(nothing, projectStateSchema),
  /** A `*.fusion.json`. */
  'project.open': command(z.strictObject({ path }), projectStateSchema),
  /** Without a path: to the file that it has. */
  'project.save': command(
    z.strictObject({ path: path.optional(), overwrite: z.boolean().default(false) }),
    projectStateSchema,
  ),
  /** All edits or none. Edits with the same `merge` key that follow each other are one step of undo (a slider's move). */
  'project.edit': command(
    z.strictObject({
      edits: z.array(editSchema).min(1).max(200),
      label: z.string().min(1).max(200),
      merge: z.string().max(200).optional(),
    }),
    projectStateSchema,
  ),
  'project.undo': command(nothing, projectStateSchema),
  'project.redo': command(nothing, projectStateSchema),
  /** Restores the project that a recipe tells, an exported file's or a text; sources are found by hash or name. */
  'project.restore': command(
    z.strictObject({ path }),
    z.object({ project: projectStateSchema, missing: z.array(z.string()) }),
  ),
  'project.forgetRecent': command(z.strictObject({ path }), nothing),

  /** From headers alone. */
  'models.describe': command(
    z.strictObject({ paths: z.array(path).min(1).max(64) }),
    z.object({ models: z.array(modelDescriptionSchema) }),
  ),
  /**
   * All that a model's files say of themselves (`__metadata__` of safetensors), as they say it, long texts cut; and the
   * family that this tells.
   */
  'models.metadata': command(
    z.strictObject({ path }),
    z.object({
      files: z.array(
        z.object({
          path: z.string(),
          metadata: z.record(z.string(), z.string()),
          family: relativeSchema.nullable(),
        }),
      ),
    }),
  ),
  /** Of the project's enabled models with its base. */
  'models.compatibility': command(nothing, z.object({ problems: z.array(incompatibilitySchema) })),
  /** Layers that the method can merge, and the blocks that can have weights, in network order. */
  'models.layers': command(nothing, networkSchema),
  'models.hash': command(nothing, startedJob),
  /** What the cards of the project's models show, as far as it is known; what comes later is a 'model-cards' event. */
  'models.cards': command(nothing, z.object({ cards: z.array(modelCardSchema) })),

  /** The models in the folders of the settings (`modelFolders`), as the programs that own them keep them; headers alone. */
  'library.list': command(
    nothing,
    libraryListingSchema.extend({
      /** Folders of other programs that are there, and not among the settings'. */
      suggestions: z.array(z.object({ path: z.string(), program: z.enum(LIBRARY_PROGRAMS) })),
    }),
  ),
  /** The picture of a model, as `thumbnail` of its entry names it. */
  'library.thumbnail': command(
    z.strictObject({ path }),
    z.object({ type: z.enum(['image/png', 'image/jpeg', 'image/webp']), base64: z.string() }),
  ),
  /** Hashes files while no job runs; each comes as a 'library-hashes' event. Takes the place of what was asked before. */
  'library.hash': command(z.strictObject({ paths: z.array(path).max(100_000) }), nothing),

  'jobs.list': command(nothing, z.object({ jobs: z.array(jobSchema) })),
  /** Ends a queued or running job within a second. */
  'jobs.cancel': command(z.strictObject({ id: z.string().max(100) }), nothing),
  /** Whether no job begins; the one that runs goes on to its end, and live pictures are drawn all the same. */
  'jobs.pause': command(z.strictObject({ paused: z.boolean() }), queueStateSchema),
  /** Another place among the jobs that wait, 0: the next one. */
  'jobs.move': command(
    z.strictObject({ id: z.string().max(100), to: z.number().int().nonnegative() }),
    queueStateSchema,
  ),
  /** Takes an ended job off the list; without an id all of them. */
  'jobs.dismiss': command(z.strictObject({ id: z.string().max(100).optional() }), nothing),

  /** Rows come as 'inspect-rows' events. */
  'inspect.start': command(nothing, startedJob),
  /** What is known of the layers of the project's models; of others nothing. */
  'inspect.rows': command(nothing, inspectionSchema),
  /**
   * Weights of the project as it is now that would lower conflict, for the whole network first, then block by block;
   * empty before all rows are there, and where they are about other models.
   */
  'inspect.suggestions': command(nothing, z.object({ advice: z.array(weightAdviceSchema) })),
  /** The job's result has the matrix. A new one puts an unfinished one aside. */
  'inspect.matrix': command(
    z.strictObject({ layer: z.string().min(1).max(500), matrix: z.enum(MATRIX_KINDS) }),
    startedJob,
  ),

  /** What dropping a specialist changes in the merge as it is now; with `losses`, on the evaluation data too. */
  'tune.unlearning': command(
    z.strictObject({ name: z.string().min(1).max(500), losses: z.boolean().default(false) }),
    startedJob,
  ),

  /** What every model would run on, what it would cost, and the calibration that the project has. From headers alone. */
  'calibration.describe': command(nothing, calibrationPlanSchema),
  /** Gathers the inputs of the models' layers; then the project names the file. Without a path: into the cache. */
  'calibration.start': command(
    z.strictObject({ path: path.optional(), overwrite: z.boolean().default(false) }),
    startedJob,
  ),

  /**
   * Prompts × seeds × variants with the project's preview settings; pictures come as events, ordered by variant. Where the
   * same pictures are being drawn, or wait to be, that job is the answer.
   */
  'preview.run': command(
    z.strictObject({ variants: z.array(variantSchema).min(1).max(MOST_VARIANTS) }),
    startedJob.extend({ run: pictureRunSchema, isNew: z.boolean() }),
  ),
  /** Pictures of a grid, its axes changing weights, method or drawing (grid.ts); otherwise as 'preview.run'. */
  'preview.grid': command(
    z.strictObject({ grid: gridSchema }),
    startedJob.extend({ run: pictureRunSchema, isNew: z.boolean() }),
  ),
  /** What a grid would take. `merges`: weights that are made. `seconds`: null before anything was drawn with these models. */
  'preview.gridForecast': command(
    z.strictObject({ grid: gridSchema }),
    z.object({
      cells: z.number(),
      merges: z.number(),
      seconds: z.number().nullable(),
      problem: errorReportSchema.nullable(),
    }),
  ),
  /** A grid as one labelled PNG, of what is drawn of it so far; 'preview.saveAs' takes its id, too. */
  'preview.gridSheet': command(
    z.strictObject({ run: z.string().max(100) }),
    z.object({ id: z.string(), url: z.string() }),
  ),
  /** Why the project's models cannot draw with its scheduler and steps; from headers alone. */
  'preview.check': command(nothing, z.object({ problem: errorReportSchema.nullable() })),
  /**
   * Turns live previews on or off: while on, every change of the project shows its first prompts and seeds anew, as
   * 'live' events. Merges by correlations are then made from contributions, here and in the export.
   */
  'preview.live': command(z.strictObject({ on: z.boolean() }), liveStateSchema),
  /** Pictures that were made of the project's models as they are now, and the runs that they belong to; newest first. */
  'preview.history': command(
    z.strictObject({ before: z.number().optional(), limit: z.number().int().min(1).max(500).default(100) }),
    z.object({ pictures: z.array(pictureSchema), runs: z.array(pictureRunSchema) }),
  ),
  /** Scores pictures; they come again as 'picture' events, with their scores. */
  'preview.score': command(
    z.strictObject({ scorer: scorerSchema, ids: z.array(z.string().max(100)).min(1).max(MOST_PICTURES) }),
    startedJob,
  ),
  'preview.forget': command(z.strictObject({ ids: z.array(z.string().max(100)).max(1000) }), nothing),
  'preview.saveAs': command(
    z.strictObject({ id: z.string().max(100), path, overwrite: z.boolean().default(false) }),
    nothing,
  ),
  /** Settings in a dropped PNG. */
  'preview.readPng': command(
    z.strictObject({ base64: z.base64().max(24 * 2 ** 20) }),
    z.object({ settings: pngSettingsSchema.nullable() }),
  ),

  /**
   * What was made of the project's models, newest first: those before a time that have all words of `search` in their
   * names, methods, prompts, seeds or paths.
   */
  'history.list': command(
    z.strictObject({
      search: z.string().max(500).default(''),
      kind: z.enum(HISTORY_KINDS).nullable().default(null),
      before: z.number().optional(),
      limit: z.number().int().min(1).max(500).default(60),
    }),
    historyPageSchema,
  ),
  'history.pictures': command(z.strictObject({ id: z.string().max(100) }), historyPicturesSchema),
  /** Takes entries off the list; what was written or drawn stays. */
  'history.remove': command(z.strictObject({ ids: z.array(z.string().max(100)).min(1).max(1000) }), nothing),
  /** Draws the pictures of an entry again, with the weights that they had; the project stays as it is. */
  'history.drawAgain': command(
    z.strictObject({ id: z.string().max(100) }),
    startedJob.extend({ run: pictureRunSchema, isNew: z.boolean() }),
  ),

  /** The data that the project's evaluation would use. */
  'evaluate.data': command(nothing, evaluationDataSchema),
  /** Losses of the project's models and merges, or of all methods; rows come as 'evaluation' events. */
  'evaluate.start': command(z.strictObject({ kind: evaluationReportSchema.shape.kind }), startedJob),
  /** Weights or gains chosen on one half of the pictures; trials come as 'weight-search' events. */
  'evaluate.search': command(searchRequestSchema, startedJob),
  /**
   * Features of the merge against its models' own, combined by its coefficients (paper, section 4.5), on pictures of one
   * domain or of all; the result comes as a 'feature-drift' event.
   */
  'evaluate.drift': command(
    z.strictObject({
      domain: z.string().min(1).max(500).nullable().default(null),
      /** Of each domain. */
      pictures: z.number().int().min(1).max(100).default(1),
      samples: z.number().int().min(1).max(4096).default(64),
    }),
    startedJob,
  ),
  /**
   * Draws prompts with every model of the table, or every method of the comparison, and scores the pictures; what each
   * scorer says comes as a 'scores' event.
   */
  'evaluate.scores': command(z.strictObject({ kind: evaluationReportSchema.shape.kind.default('table') }), startedJob),
  /** What every row of the table draws for the first caption of each domain, as far as it is drawn. */
  'evaluate.pictures': command(nothing, domainPicturesSchema),
  /** Draws the rest; they come as 'domain-pictures' events. */
  'evaluate.draw': command(nothing, startedJob),
  /** The last ones, also of an earlier session. */
  'evaluate.results': command(nothing, evaluationResultsSchema),

  /**
   * What an export would take, or why there can be none. Waits for a running job. `freeDiskBytes`: where `output.path`
   * points; null where that is no folder yet.
   */
  'export.forecast': command(
    nothing,
    z.object({
      forecast: forecastSchema.extend({ freeDiskBytes: z.number().nullable(), freeMemoryBytes: z.number() }).nullable(),
      problem: errorReportSchema.nullable(),
    }),
  ),
  'export.start': command(z.strictObject({ path, overwrite: z.boolean().default(false) }), startedJob),
  /** Whether an export is as it was written: its hashes are computed anew. */
  'export.verify': command(z.strictObject({ path }), startedJob),
  /** The project's adapters as one adapter; all that take part must be adapters. */
  'export.fuse': command(
    z.strictObject({ path, overwrite: z.boolean().default(false), request: fusionRequestSchema.prefault({}) }),
    startedJob,
  ),

  /** Exports that were cancelled, or whose process ended; the largest first. */
  'export.unfinished': command(nothing, unfinishedExports),
  /** Removes what is left of one. */
  'export.removeUnfinished': command(z.strictObject({ path }), unfinishedExports),

  /** Tries every provider, each in a process of its own; from memory unless `again`. */
  'devices.list': command(
    z.strictObject({ again: z.boolean().default(false) }),
    z.object({
      providers: z.array(providerStatusSchema),
      chosen: z.enum(DEVICES),
      totalMemoryBytes: z.number(),
      freeMemoryBytes: z.number(),
    }),
  ),

  'settings.get': command(nothing, settingsSchema),
  /** Only what is given changes. */
  'settings.set': command(
    z.strictObject({
      theme: settingsSchema.shape.theme.unwrap().optional(),
      device: settingsSchema.shape.device.unwrap().optional(),
      cacheFolder: settingsSchema.shape.cacheFolder.unwrap().optional(),
      cacheLimitBytes: settingsSchema.shape.cacheLimitBytes.unwrap().optional(),
      modelFolders: z.array(path).max(50).optional(),
      lowPriority: z.boolean().optional(),
      notifications: z.boolean().optional(),
      sound: z.boolean().optional(),
      blockPresets: settingsSchema.shape.blockPresets.unwrap().optional(),
      seen: settingsSchema.shape.seen.unwrap().optional(),
    }),
    settingsSchema,
  ),
  'cache.size': command(nothing, z.object({ folder: z.string(), bytes: z.number(), limitBytes: z.number() })),
  'cache.clear': command(nothing, z.object({ folder: z.string(), bytes: z.number(), limitBytes: z.number() })),

  /** Folders that may be browsed: in `serve` those of --allow and the demo. */
  'files.roots': command(nothing, z.object({ roots: z.array(z.object({ name: z.string(), path: z.string() })) })),
  'files.list': command(
    z.strictObject({ path }),
    z.object({
      path: z.string(),
      /** null at a root. */
      parent: z.string().nullable(),
      /** Folders first, by name. */
      entries: z.array(
        z.object({
          name: z.string(),
          path: z.string(),
          kind: z.enum(['folder', 'model-folder', 'model', 'project', 'recipe', 'picture', 'file']),
          size: z.number(),
          time: z.number(),
        }),
      ),
    }),
  ),
  /** The system's own dialog, in the desktop only ('unsupported' in serve); nothing chosen: no paths. */
  'files.dialog': command(
    z.strictObject({
      purpose: z.enum([
        'models',
        'model-folders',
        'recipe',
        'open-project',
        'save-project',
        'export-file',
        'export-folder',
        'folder',
        'prompts',
        'save-picture',
      ]),
      suggested: path.optional(),
      /** What it is for, where the purpose does not say it. */
      title: z.string().min(1).max(200).optional(),
    }),
    z.object({ paths: z.array(z.string()) }),
  ),
  /** A folder that is not there yet, in one that is. */
  'files.makeFolder': command(z.strictObject({ path }), z.object({ path: z.string() })),
  /** Desktop only. */
  'files.showInFolder': command(z.strictObject({ path }), nothing),
  /** Opens a page of the allow-list in the system's browser; desktop only. */
  'app.openExternal': command(z.strictObject({ url: z.url().max(2000) }), nothing),
  /** An error that was shown to a person, which goes from the window after a while. */
  'log.add': command(
    z.strictObject({ message: z.string().min(1).max(2000), detail: z.string().max(20_000).optional() }),
    nothing,
  ),
  'log.read': command(
    z.strictObject({ limit: z.number().int().min(1).max(1000).default(200) }),
    z.object({ entries: z.array(logEntrySchema) }),
  ),
} as const

export type Commands = typeof COMMANDS
export type CommandName = keyof Commands
/** What a caller gives: fields with a default may be left out. */
export type CommandInput<C extends CommandName> = z.input<Commands[C]['input']>
export type CommandOutput<C extends CommandName> = z.output<Commands[C]['output']>

/** How the interface reaches the program, whichever host it is in. */
export interface Client {
  /** Rejects with a FusionError. */
  invoke<C extends CommandName>(command: C, input: CommandInput<C>): Promise<CommandOutput<C>>
  /** Returns what ends it. */
  on(listener: (event: NumberedEvent) => void): () => void
}
