import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from '@playwright/test'
import { ServeClient } from '../../serve-client'
import { DRAWN_CARDS, StudioServer } from './studio-server'

/** Only what hangs: a busy machine is slow, not wrong. */
const HANGING_MS = 180_000

/** Draws the demo's cards once, as a program that was started before has them: every test would draw them itself. */
export default async function drawCards(): Promise<void> {
  await rm(DRAWN_CARDS, { recursive: true, force: true })
  const server = await StudioServer.start()
  try {
    const client = new ServeClient(new URL(server.url))
    await client.invoke('project.demo', {})
    await expect.poll(() => areDrawn(client), { message: 'the demo’s cards are drawn', timeout: HANGING_MS }).toBe(true)
    await cp(join(server.root, 'cache'), DRAWN_CARDS, { recursive: true })
  } finally {
    await server.stop()
  }
}

/** Whether every model has its picture, and every specialist its distance from the base. */
async function areDrawn(client: ServeClient): Promise<boolean> {
  const { cards } = await client.invoke('models.cards', {})
  const pictures = cards.filter(({ picture }) => picture.source === 'drawn')
  const measured = cards.filter(({ ancestry }) => ancestry !== null)
  return cards.length > 1 && pictures.length === cards.length && measured.length === cards.length - 1
}
