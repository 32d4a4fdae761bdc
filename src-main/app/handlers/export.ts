import { statfs } from 'node:fs/promises'
import { freemem } from 'node:os'
import { basename, dirname } from 'node:path'
import { FusionError, toErrorReport } from '../../contract/errors'
import { exportKey } from '../../contract/document/export-key'
import type { Project } from '../../contract/document/project'
import { targetName } from '../../contract/document/names/file-names'
import { outputName } from '../../contract/document/names/output-name'
import type { CommandOutput } from '../../contract/protocol/commands'
import { ADAPTER_FILE } from '../../engine/extract/lora-file'
import { exportKind } from '../../engine/merge/plan/export/export-target'
import { isFolderLayout } from '../../engine/merge/plan/export/output-files'
import { removeUnfinished, unfinishedExports } from '../../engine/merge/resume/unfinished-exports'
import { keepMerge } from '../history/keep-records'
import { checkAgreed } from '../files/agreed-target'
import { checkNamedTarget } from '../files/path-access'
import type { Studio } from '../studio'
import type { Group, Handlers } from './handlers'
import { openModel } from '../../engine/merge/open-model'

export function exportHandlers(studio: Studio): Handlers<Group<'export'>> {
  const { queue, jobs, compute, host } = studio
  /** null where nothing may be written. */
  const freeSpaceAt = async (path: string | undefined): Promise<number | null> => {
    if (path === undefined) return null
    return host.access.checkTarget(path).then(
      (target) => freeDisk(dirname(target)),
      () => null,
    )
  }
  const forecast = async (project: Project): Promise<CommandOutput<'export.forecast'>['forecast']> => {
    const cacheFolder = studio.cache.folder
    const { forecast } = await queue.between(async () =>
      compute.run({ type: 'forecast', project, provider: await studio.provider(), cacheFolder }),
    )
    const freeDiskBytes = await freeSpaceAt(project.output.path)
    return { ...forecast, freeDiskBytes, freeMemoryBytes: freemem() }
  }
  /** Those in places that this host may write to. */
  const unfinished = async (): Promise<CommandOutput<'export.unfinished'>> => {
    const found = await unfinishedExports(studio.cache.folder)
    const allowed = await Promise.all(
      found.map(async ({ path, bytes, time }) =>
        host.access.checkTarget(path).then(
          () => [{ path, bytes, time }],
          () => [],
        ),
      ),
    )
    return { exports: allowed.flat() }
  }
  return {
    'export.unfinished': unfinished,
    'export.removeUnfinished': async ({ path }) => {
      const target = await host.access.checkTarget(path)
      if (await removeUnfinished(studio.cache.folder, target)) return unfinished()
      throw new FusionError('not-found', `Nothing unfinished is left of ${target}, or it is being written.`)
    },
    'export.forecast': async () => {
      try {
        return { forecast: await forecast(await studio.readableProject()), problem: null }
      } catch (error) {
        return { forecast: null, problem: toErrorReport(error) }
      }
    },
    'export.start': async ({ path, overwrite }) => {
      const project = await studio.readableProject()
      const base = await openModel(project.models[0]!.path)
      const isFolder = isFolderLayout(base, project.output.layout)
      const target = await checkNamedTarget(host.access, path, (given) => targetName(outputName(given, isFolder), null))
      if (queue.list().some(({ kind, endedAt, about }) => kind === 'export' && endedAt === null && about === target)) {
        throw new FusionError('target', `${target} is being written already.`)
      }
      await checkAgreed(target, exportKind(isFolder), overwrite)
      return jobs.start({
        kind: 'export',
        title: `Export to ${target}`,
        about: target,
        of: exportKey(project),
        task: async () => ({
          type: 'export',
          project,
          provider: await studio.provider(),
          path: target,
          overwrite,
          cacheFolder: studio.cache.folder,
        }),
        onSuccess: (result, job) => keepMerge(studio, project, { job, result, fusion: null }),
      })
    },
    'export.verify': async ({ path }) => {
      const checked = await host.access.check(path)
      return jobs.start({
        kind: 'verify',
        title: `Verify ${checked}`,
        about: path,
        task: () => ({ type: 'verify', path: checked }),
      })
    },
    'export.fuse': async ({ path, overwrite, request }) => {
      const project = await studio.readableProject()
      const target = await checkNamedTarget(host.access, path, (given) => targetName(outputName(given, false), null))
      await checkAgreed(target, ADAPTER_FILE, overwrite)
      return jobs.start({
        kind: 'fuse',
        title: `One LoRA: ${basename(target)}`,
        of: exportKey(project),
        task: () => ({ type: 'fuse', project, request, path: target, overwrite, cacheFolder: studio.cache.folder }),
        onSuccess: (result, job) => keepMerge(studio, project, { job, result, fusion: request }),
      })
    },
  }
}

/** null where there is no such folder. */
async function freeDisk(folder: string): Promise<number | null> {
  return statfs(folder).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => null,
  )
}
