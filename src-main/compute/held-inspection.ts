import type { Project } from '../contract/document/project'
import type { SourceFile } from '../engine/checkpoint/containers/container'
import { fileState } from '../engine/files/reading/file-state'
import { openInspection, type Inspection } from '../engine/inspect/inspect'

/** The one inspection that stays open: people look at one matrix after another of the same models. */
let held: { key: string; inspection: Inspection } | null = null

/** What openInspection gives, from before where neither the project nor a file of it has changed. */
export async function heldInspection(project: Project, signal: AbortSignal): Promise<Inspection> {
  const key = JSON.stringify(project)
  if (held?.key === key && (await Promise.all(held.inspection.files.map(isUnchanged))).every(Boolean)) {
    return held.inspection
  }
  held = null
  const inspection = await openInspection(project, { signal })
  held = { key, inspection }
  return inspection
}

async function isUnchanged({ path, state }: SourceFile): Promise<boolean> {
  return (await fileState(path).catch(() => null)) === state
}
