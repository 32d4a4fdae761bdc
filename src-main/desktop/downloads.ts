import type { Session } from 'electron'
import type { EventHub } from '../app/event-hub'

/** Tells where the reports, tables and pictures went that the page itself saves: people choose it in a dialog of the system. */
export function followDownloads(session: Pick<Session, 'on'>, events: Pick<EventHub, 'emit'>): void {
  session.on('will-download', (_event, item) => {
    item.once('done', (_done, state) => {
      if (state === 'completed') events.emit({ type: 'saved', path: item.getSavePath() })
    })
  })
}
