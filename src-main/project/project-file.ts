import { stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, relative, resolve, sep } from 'node:path'
import { z } from 'zod'
import { FusionError } from '../contract/errors'
import type { EvaluationSettings } from '../contract/evaluate/settings'
import { projectSchema, type Project } from '../contract/project'
import { readSmallText } from '../engine/files/regular-file'
import { SMALL_FILES } from '../engine/files/small-files'
import { fileKind } from '../engine/files/target'
import { writeOutput } from '../engine/files/write-output'

export const PROJECT_SUFFIX = '.fusion.json'

/** The title of a project's file. */
export function projectTitle(path: string): string {
  const name = basename(path)
  return name.endsWith(PROJECT_SUFFIX) ? name.slice(0, -PROJECT_SUFFIX.length) : name
}

/**
 * Reads a project; its paths come back absolute.
 * @throws FusionError 'not-found', 'unreadable', 'unsupported' (no regular file), 'malformed'
 */
export async function readProject(path: string): Promise<Project> {
  const text = await readSmallText(path, SMALL_FILES.project)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new FusionError('malformed', `${path} is no project: it is not JSON.`, { cause })
  }
  const parsed = projectSchema.safeParse(value)
  if (!parsed.success) {
    throw new FusionError('malformed', `${path} is no project of this program.`, {
      detail: z.prettifyError(parsed.error),
      hint: 'It may come from a newer version, or was changed by hand.',
    })
  }
  return mapPaths(parsed.data, (own) => resolve(dirname(path), own))
}

export const PROJECT_FILE = fileKind('project of this program', readProject)

/**
 * Writes a project; paths at or below its folder become relative, so that both can move.
 * @param overwrite whether another project may be replaced
 * @throws FusionError 'target'
 */
export async function writeProject(path: string, project: Project, overwrite: boolean): Promise<void> {
  const folder = dirname(resolve(path))
  const portable = mapPaths(project, (own) => {
    const below = relative(folder, own)
    return below === '' || below.startsWith('..') || isAbsolute(below) ? own : below.split(sep).join('/')
  })
  await writeOutput(path, `${JSON.stringify(portable, null, 2)}\n`, { kind: PROJECT_FILE, overwrite })
}

/** The project with every path in it replaced. */
export function mapPaths(project: Project, map: (path: string) => string): Project {
  const { models, method, output, evaluation } = project
  return {
    ...project,
    models: models.map((model) => ({ ...model, path: map(model.path) })),
    method: {
      ...method,
      ...(method.calibration !== undefined && { calibration: map(method.calibration) }),
    },
    output: {
      ...output,
      ...(output.path !== undefined && { path: map(output.path) }),
      ...(output.vae !== undefined && { vae: map(output.vae) }),
    },
    evaluation: mapEvaluation(evaluation, map),
  }
}

function mapEvaluation(evaluation: EvaluationSettings, map: (path: string) => string): EvaluationSettings {
  const { data, clip } = evaluation
  const mapped = (path: string | null): string | null => (path === null ? null : map(path))
  return { ...evaluation, data: mapped(data), clip: { ...clip, model: mapped(clip.model) } }
}

/** Every path that a project names. */
export function pathsOf({ models, method, output, evaluation }: Project): string[] {
  const others = [
    method.calibration,
    output.path,
    output.vae,
    evaluation.data ?? undefined,
    evaluation.clip.model ?? undefined,
  ]
  return [...models.map(({ path }) => path), ...others.filter((path) => path !== undefined)]
}

export function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
