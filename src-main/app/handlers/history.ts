import { redrawn } from '../history/redraw'
import type { Studio } from '../studio'
import type { Group, Handlers } from './handlers'

export function historyHandlers(studio: Studio): Handlers<Group<'history'>> {
  const { projectHistory, drawings } = studio
  return {
    'history.list': (query) => projectHistory.list(studio.project.state.project, query),
    'history.pictures': async ({ id }) => ({
      pictures: await projectHistory.pictures(studio.project.state.project, id),
    }),
    'history.remove': async ({ ids }) => {
      await projectHistory.remove(ids)
      return {}
    },
    'history.drawAgain': async ({ id }) => {
      const { plan, project } = await redrawn(studio, id)
      return drawings.start(plan, `Draw ${plan.pictures.length} pictures again`, project)
    },
  }
}
