import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { EventHub } from '../../../src-main/app/event-hub'
import type { AppEvent } from '../../../src-main/contract/protocol/events'
import { followDownloads } from '../../../src-main/desktop/downloads'

it('tells where a file went that the page saved, and of none that was not', () => {
  const session = new EventEmitter()
  const events = new EventHub()
  const told: AppEvent[] = []
  events.listen(({ event }) => told.push(event))
  followDownloads(session as never, events)
  for (const [name, state] of [
    ['report.html', 'completed'],
    ['given-up.html', 'cancelled'],
  ] as const) {
    const item = Object.assign(new EventEmitter(), { getSavePath: () => `/home/me/${name}` })
    session.emit('will-download', {}, item)
    item.emit('done', {}, state)
  }
  expect(told).toEqual([{ type: 'saved', path: '/home/me/report.html' }])
})
