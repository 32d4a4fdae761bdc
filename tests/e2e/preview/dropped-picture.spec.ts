import type { Page } from '@playwright/test'
import { expect, test } from '../support/studio-test'

/** Drops a file as a person does: a DataTransfer with the file's bytes, over the page and then let go. */
async function drop(page: Page, name: string, bytes: Buffer): Promise<void> {
  const dataTransfer = await page.evaluateHandle(
    ([fileName, base64]) => {
      const transfer = new DataTransfer()
      const content = Uint8Array.from(atob(base64!), (letter) => letter.charCodeAt(0))
      transfer.items.add(new File([content], fileName!, { type: 'image/png' }))
      return transfer
    },
    [name, bytes.toString('base64')],
  )
  await page.dispatchEvent('main', 'dragover', { dataTransfer })
  await page.dispatchEvent('main', 'drop', { dataTransfer })
}

test('a picture dropped onto the window restores its settings', async ({ studio, page }) => {
  await studio.ask('project.demo', {})
  const { project } = (await studio.ask('app.snapshot', {})).project
  const drawn = {
    prompts: ['a ship, "at sea": große Wellen, Steps: 99'],
    negativePrompt: 'fog,\nrain',
    seeds: [4_294_967_295],
    steps: 3,
    guidance: 2.5,
    scheduler: 'euler-ancestral',
  }
  await studio.ask('project.edit', { label: 'Draw', edits: [{ type: 'set-preview', preview: drawn }] })
  await studio.ask('preview.run', { variants: [{ type: 'base' }] })
  await studio.goTo('Preview')
  const picture = studio.preview.picture('base')
  await expect(picture).toBeVisible({ timeout: 60_000 })
  const address = new URL((await picture.getAttribute('src'))!, page.url()).href
  const bytes = await (await page.request.get(address)).body()

  const settings = async (): Promise<unknown> => (await studio.ask('app.snapshot', {})).project.project.preview
  const others = { ...project.preview, scheduler: 'ddim' }
  await studio.ask('project.edit', { label: 'Others', edits: [{ type: 'set-preview', preview: others }] })

  await test.step('onto Preview', async () => {
    await drop(page, 'drawn.png', bytes)
    await expect(page.getByText('The settings of drawn.png are in use.')).toBeVisible()
    expect(await settings()).toEqual(drawn)
    await expect(studio.preview.prompts).toHaveValue(drawn.prompts[0]!)
    await expect(studio.preview.seeds).toHaveValue('4294967295')
    await expect(studio.preview.steps).toHaveValue('3')
  })
  await test.step('undone in one step', async () => {
    await studio.undo.click()
    await expect(studio.preview.prompts).toHaveValue(others.prompts.join('\n'))
    expect(await settings()).toEqual(others)
  })
  await test.step('onto another view', async () => {
    await studio.goTo('Tune')
    await drop(page, 'drawn.png', bytes)
    await expect(studio.preview.prompts).toHaveValue(drawn.prompts[0]!)
    expect(await settings()).toEqual(drawn)
  })
  await test.step('what carries no settings changes nothing', async () => {
    await drop(page, 'torn.png', bytes.subarray(0, 40))
    await expect(page.getByText('torn.png contains no settings.')).toBeVisible()
    await drop(page, 'screen.png', await page.screenshot())
    await expect(page.getByText('screen.png contains no settings.')).toBeVisible()
    await drop(page, 'photo.png', Buffer.from('GIF89a'))
    await expect(page.getByText('photo.png is not a PNG picture, although its name says so.')).toBeVisible()
    expect(await settings()).toEqual(drawn)
  })
})
