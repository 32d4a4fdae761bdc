import { z } from 'zod'
import { domainPicturesSchema } from '../evaluate/scores/domain-pictures'
import { driftReportSchema } from '../evaluate/drift'
import { evaluationReportSchema } from '../evaluate/report'
import { scoreReportSchema } from '../evaluate/scores/scores'
import { searchReportSchema } from '../evaluate/search/search'
import { layerSummarySchema, matrixSchema } from '../inspect'
import { jobSchema, queueStateSchema } from '../jobs'
import { liveStateSchema, pictureRunSchema, pictureSchema } from '../preview'
import { modelCardSchema } from '../model-cards'
import { computeStateSchema, logEntrySchema, projectStateSchema, settingsSchema } from '../state'

export const eventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('project'), project: projectStateSchema }),
  /** A job is new or has changed; at most ten a second of each job. */
  z.object({ type: z.literal('job'), job: jobSchema }),
  z.object({ type: z.literal('job-removed'), id: z.string() }),
  /** It was paused, or its order was changed: jobs that come later wait behind those that are named. */
  z.object({ type: z.literal('queue'), queue: queueStateSchema }),
  /** Layers as they are computed, in the order of computing. */
  z.object({
    type: z.literal('inspect-rows'),
    job: z.string(),
    rows: z.array(layerSummarySchema),
    /** No more will come: the map is whole. */
    last: z.boolean(),
  }),
  /** A draft of the matrix that the job computes. */
  z.object({ type: z.literal('matrix-draft'), job: z.string(), matrix: matrixSchema }),
  /** Pictures are going to be drawn. */
  z.object({ type: z.literal('picture-run'), run: pictureRunSchema }),
  z.object({ type: z.literal('picture'), picture: pictureSchema }),
  /** The live preview has gone on; at most as often as a frame of a film. */
  z.object({ type: z.literal('live'), live: liveStateSchema }),
  /** The history of merges and evaluations has an entry more or fewer; runs and pictures have events of their own. */
  z.object({ type: z.literal('history') }),
  /** An evaluation has a row more, or has ended. */
  z.object({ type: z.literal('evaluation'), report: evaluationReportSchema }),
  z.object({ type: z.literal('weight-search'), search: searchReportSchema }),
  z.object({ type: z.literal('feature-drift'), drift: driftReportSchema }),
  z.object({ type: z.literal('domain-pictures'), pictures: domainPicturesSchema }),
  z.object({ type: z.literal('scores'), scores: scoreReportSchema }),
  z.object({ type: z.literal('compute'), compute: computeStateSchema }),
  z.object({ type: z.literal('settings'), settings: settingsSchema }),
  /** Files of the library were hashed; `waiting`: so many are still to come. */
  z.object({
    type: z.literal('library-hashes'),
    hashes: z.array(z.object({ path: z.string(), sha256: z.string(), shortHash: z.string() })),
    waiting: z.number(),
  }),
  /** Files of these models of the project have vanished, come back, or been replaced. */
  z.object({ type: z.literal('model-files'), paths: z.array(z.string()) }),
  /** More is known of the project's models: all of their cards. */
  z.object({ type: z.literal('model-cards'), cards: z.array(modelCardSchema) }),
  /** The page itself has saved a file here: on the desktop alone, no browser tells where. */
  z.object({ type: z.literal('saved'), path: z.string() }),
  z.object({ type: z.literal('log'), entry: logEntrySchema }),
])

/** Events are numbered without holes; a client that misses one asks for `app.snapshot`. */
export const numberedEventSchema = z.object({ sequence: z.number(), event: eventSchema })

export type AppEvent = z.infer<typeof eventSchema>
export type NumberedEvent = z.infer<typeof numberedEventSchema>
