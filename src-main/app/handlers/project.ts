import { restoreRecipe } from '../../project/restore-recipe'
import { ENDINGS, targetName } from '../../contract/document/names/file-names'
import type { Studio } from '../studio'
import { EMPTY_PROJECT } from '../../project/edits'
import { mapEditPaths } from '../../project/paths'
import { checkNamedTarget } from '../files/path-access'
import { listLibrary } from '../models/list-library'
import { knownModelHashes } from '../models/model-hash'
import type { Group, Handlers } from './handlers'

export function projectHandlers(studio: Studio): Handlers<Group<'project'>> {
  const { project, host } = studio
  return {
    'project.new': () => project.replace(EMPTY_PROJECT),
    'project.demo': async () => {
      await studio.openDemo()
      return project.state
    },
    'project.open': async ({ path }) => project.openFile(await host.access.check(path), studio.checkPaths),
    'project.save': async ({ path, overwrite }) => {
      // Also the path of a document that an earlier session left.
      const wanted = path ?? project.state.path
      const naming = (given: string): string => (path === undefined ? given : targetName(given, ENDINGS.project))
      const target = wanted === null ? undefined : await checkNamedTarget(host.access, wanted, naming)
      const paths: string[] = []
      for (const { path: own } of project.state.project.models) if (await studio.mayRead(own)) paths.push(own)
      project.recordHashes(await knownModelHashes(paths, studio.cache.folder), { replace: true })
      return project.save(target, overwrite)
    },
    'project.edit': async ({ edits, label, merge }) =>
      project.edit(await mapEditPaths(edits, studio.checkPath), label, merge),
    'project.undo': () => project.undo(),
    'project.redo': () => project.redo(),
    'project.restore': async ({ path }) => {
      const restored = await restoreRecipe(await host.access.check(path), {
        cacheFolder: studio.cache.folder,
        mayRead: studio.mayRead,
        listed: async () => (await listLibrary(studio)).entries,
      })
      await studio.checkPaths(restored.project)
      const { title, missing } = restored
      return { project: project.replace(restored.project, { title, label: `Restore ${title}` }), missing }
    },
    'project.forgetRecent': async ({ path }) => {
      await project.forgetRecent(path)
      return {}
    },
  }
}
