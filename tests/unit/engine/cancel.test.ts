import { getEventListeners } from 'node:events'
import { expect, it } from 'vitest'
import { orCancelled } from '../../../src-main/engine/cancel'

it('gives what the work gives, and leaves no listener behind', async () => {
  const { signal } = new AbortController()
  expect(await orCancelled(signal, () => Promise.resolve(3))).toBe(3)
  await expect(orCancelled(signal, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
  expect(getEventListeners(signal, 'abort')).toHaveLength(0)
})

it('does not wait for work once it is cancelled, nor start it later', async () => {
  const abort = new AbortController()
  const waiting = orCancelled(abort.signal, () => new Promise(() => {}))
  abort.abort()
  await expect(waiting).rejects.toMatchObject({ kind: 'cancelled' })
  expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
  let started = false
  const late = orCancelled(abort.signal, () => Promise.resolve((started = true)))
  await expect(late).rejects.toMatchObject({ kind: 'cancelled' })
  expect(started).toBe(false)
})
