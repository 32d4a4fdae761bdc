import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ServeClient } from '../../serve-client'
import { DRAWN_CARDS, StudioServer } from './studio-server'

/** Draws the demo's cards once, as a program that was started before has them: every test would draw them itself. */
export default async function drawCards(): Promise<void> {
  await rm(DRAWN_CARDS, { recursive: true, force: true })
  const server = await StudioServer.start()
  const client = new ServeClient(new URL(server.url))
  await client.invoke('project.demo', {})
  while (!(await areDrawn(client))) await delay(100)
  await cp(join(server.root, 'cache'), DRAWN_CARDS, { recursive: true })
  await server.stop()
}

/** Whether every model has its picture, and every specialist its distance from the base. */
async function areDrawn(client: ServeClient): Promise<boolean> {
  const { cards } = await client.invoke('models.cards', {})
  const pictures = cards.filter(({ picture }) => picture.source === 'drawn')
  const measured = cards.filter(({ ancestry }) => ancestry !== null)
  return cards.length > 1 && pictures.length === cards.length && measured.length === cards.length - 1
}
