import { VIEWS } from '../support/pages/studio'
import { expect, expectAccessible, test } from '../support/studio-test'

const SIZES = [
  { width: 1024, height: 700 },
  { width: 1280, height: 800 },
  { width: 1920, height: 1080 },
]

test('every view fits every window, in both themes', async ({ studio, page }) => {
  await studio.ask('project.demo', {})
  for (const theme of ['dark', 'light'] as const) {
    await studio.setTheme(theme)
    for (const view of VIEWS) {
      await studio.goTo(view)
      for (const size of SIZES) {
        await page.setViewportSize(size)
        const words = `${view}, ${theme}, ${size.width} × ${size.height}`
        await expect.poll(() => page.evaluate(cutOff), `text cut off in ${words}`).toEqual([])
        expect(await page.evaluate(pixelsBeyondWindow), `the window itself can scroll in ${words}`).toBe(0)
      }
      await expectAccessible(studio, `${view}, ${theme}`)
    }
  }
})

/** Focus and links would scroll the window by these, and the header away. */
function pixelsBeyondWindow(): number {
  return Math.max(document.documentElement.scrollHeight, document.body.scrollHeight) - innerHeight
}

/** Texts that stand outside what can be seen or scrolled to; a text with '…' must say the whole in its title. */
function cutOff(): string[] {
  const found: string[] = []
  for (const element of document.querySelectorAll<HTMLElement>('main *, nav *, header *, footer *')) {
    if (element.closest('.visually-hidden') || element.childElementCount > 0 || !element.textContent?.trim()) continue
    const shortened = getComputedStyle(element).textOverflow === 'ellipsis'
    if (shortened && element.scrollWidth > element.clientWidth && !element.closest('[title], select')) {
      found.push(element.textContent)
    }
    const { left, right } = element.getBoundingClientRect()
    if (right > innerWidth + 1 || left < -1) found.push(`${element.textContent} (outside)`)
  }
  return found
}

test('keys reach everything, and the sheet shows them', async ({ studio, page }) => {
  await page.keyboard.press('?')
  await expect(page.getByRole('dialog', { name: 'Keyboard' })).toContainText('Draw previews')
  await expectAccessible(studio, 'Keyboard')
  await page.keyboard.press('Escape')
  await page.keyboard.press('Alt+3')
  await expect(page.getByRole('heading', { level: 1, name: 'Tune' })).toBeVisible()
  await page.keyboard.press('Control+j')
  await expect(page.getByRole('region', { name: 'All jobs' })).toBeVisible()
})
