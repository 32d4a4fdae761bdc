import { expect, test } from '../support/studio-test'

test('dragging a card reorders the specialists, in one step of undo; the base stays', async ({ studio }) => {
  const { project } = await studio.ask('project.demo', {})
  await studio.goTo('Models')
  const names = project.models.map(({ name }) => name)
  const { cards } = studio.models
  const shown = (): Promise<string[]> => cards.locator('.name').allInnerTexts()
  await expect.poll(shown).toEqual(names)

  const [base, first, ...rest] = names
  const last = cards.nth(names.length - 1)
  const { width, height } = (await last.boundingBox())!
  await cards.nth(1).dragTo(last, { targetPosition: { x: width - 8, y: height / 2 } })
  await expect.poll(shown).toEqual([base, ...rest, first])

  await studio.undo.click()
  await expect.poll(shown).toEqual(names)

  await expect(cards.first()).toHaveAttribute('draggable', 'false')
  await last.dragTo(cards.first())
  await expect.poll(shown).toEqual([base, names.at(-1), first, ...rest.slice(0, -1)])
})
