import { ENDINGS, targetName } from '../../contract/document/file-names'
import { PICTURES_URL } from '../files/interface-files'
import { readPngSettings } from '../previews/png-settings'
import { planPreview } from '../previews/preview-plan'
import type { Studio } from '../studio'
import type { Group, Handlers } from './handlers'

export function previewHandlers(studio: Studio): Handlers<Group<'preview'>> {
  const { jobs, events, history, host, log } = studio
  return {
    'preview.run': async ({ variants }) => {
      const project = await studio.readableProject()
      const { models, pictures, planned } = await planPreview(project, variants, {
        merges: studio.cache.merges,
        pictureFile: (id) => history.file(id),
        lastOtherMerge: (merge) => history.lastOtherMerge(merge),
        checkMerge: studio.checkMerge,
      })
      return jobs.start(
        'preview',
        `Preview ${pictures.length} pictures`,
        async () => ({
          type: 'preview',
          models,
          pictures,
          device: await studio.device(),
          cacheFolder: studio.cache.folder,
        }),
        ({ event, job }) => {
          const known = event.type === 'picture' && planned.get(event.id)
          if (!known) return
          const { width, height } = event
          const picture = { ...known, job, time: Date.now(), width, height, url: `${PICTURES_URL}${known.id}.png` }
          history.add(picture).then(
            () => events.emit({ type: 'picture', picture }),
            (error: unknown) => log.add('error', `A picture could not be kept: ${String(error)}`),
          )
        },
      )
    },
    'preview.live': ({ on }) => studio.live.set(on),
    'preview.history': ({ before, limit }) => ({ pictures: history.list(before, limit) }),
    'preview.forget': async ({ ids }) => {
      await history.forget(ids)
      return {}
    },
    'preview.saveAs': async ({ id, path, overwrite }) => {
      const { data } = studio.project.state.project.evaluation
      await host.access.checkTarget(path)
      const target = await host.access.checkTarget(targetName(path, ENDINGS.picture))
      await history.saveAs(id, target, overwrite, data === null ? [] : [data])
      return {}
    },
    'preview.readPng': ({ base64 }) => ({ settings: readPngSettings(Buffer.from(base64, 'base64')) }),
  }
}
