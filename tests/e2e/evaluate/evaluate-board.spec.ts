import { evaluationKey } from '../../../src-main/contract/document/project-evaluation'
import type { LeaderboardEntry } from '../../../src-main/contract/evaluate/losses'
import { LOSS_ALONE } from '../../../src-main/contract/evaluate/search/aims'
import { EMPTY_RESULTS, type EvaluationResults } from '../../../src-main/contract/evaluate/results'
import { SCORERS } from '../../../src-main/contract/evaluate/scores/scorers'
import type { Project } from '../../../src-main/contract/document/project'
import { expect, expectAccessible, test } from '../support/studio-test'

const METHODS = ['FeatureFusion, paper without threshold', 'calibrated task arithmetic', 'TIES 0.2', 'this merge']

/** A comparison as a long run leaves it: every column has figures, with signs and as wide as they become. */
function comparisonOf(project: Project): EvaluationResults {
  const names = [...METHODS.map((name) => ({ name, role: 'merge' as const })), { name: 'base', role: 'base' as const }]
  const recipe = { method: project.method, models: project.models.map(({ name, weight }) => ({ name, weight })) }
  const head = {
    job: 'job',
    time: 0,
    models: project.models.map(({ name, path }) => ({ name, path })),
    folder: 'pictures',
    split: 'held-out' as const,
    rows: names.map((row) => ({ ...row, words: row.name, recipe: row.role === 'merge' ? recipe : null, error: null })),
    done: true,
  }
  const paired = { mean: 0.04, standardError: 0.0123, relative: 0.4317 }
  const estimate = { value: 118.9, interval: { low: 101, high: 131 } }
  const leaderboard = names.map((row): LeaderboardEntry => ({
    ...row,
    loss: 0.15893,
    againstBase: paired,
    againstSoup: paired,
    keptPercent: 31.4,
    keptInterval: { low: 28, high: 33 },
    forgets: estimate,
    againstBest: null,
    isOnFront: false,
    scale: row.role === 'merge' ? 0.325 : null,
    seconds: row.role === 'merge' ? 12.4 : null,
  }))
  const cell = { score: { value: 24.319, interval: null }, difference: null }
  const scores = SCORERS.slice(0, 3).map((scorer) => ({
    scorer,
    models: names.map((row) => ({ ...row, domains: [cell], mean: cell })),
    best: [null, { name: METHODS[0]!, second: METHODS[1]!, lead: { value: 0.1, interval: null } }],
  }))
  const loss = { loss: { value: 0.15893, interval: null }, difference: null }
  return {
    ...EMPTY_RESULTS,
    comparison: {
      ...head,
      kind: 'comparison',
      key: evaluationKey(project, 'comparison'),
      summary: {
        timesteps: [500],
        domains: [{ name: 'food', pictures: 1 }],
        models: names.map((row) => ({
          ...row,
          ownDomain: null,
          domains: [loss],
          mean: loss,
          curves: [[0.1]],
          gains: false,
          kept: [],
        })),
        bootstrap: { resamples: 1000, seed: 0, confidence: 0.95 },
      },
      unlearned: [],
      recognition: null,
      leaderboard,
      verdict: 'The first method wins.',
    },
    methodScores: {
      ...head,
      kind: 'comparison',
      key: evaluationKey(project, 'methodScores'),
      settings: project.evaluation.scores,
      domains: [{ name: 'food', prompts: 1 }],
      scores,
    },
  }
}

test('methods with losses, gains, differences and three scores fit a small window', async ({ studio, page }) => {
  await page.setViewportSize({ width: 1280, height: 800 })
  const { project } = await studio.ask('project.demo', {})
  const value = comparisonOf(project)
  await page.route('**/api/evaluate.results', (route) => route.fulfill({ json: { ok: true, value } }))
  await page.reload()
  await studio.goTo('Evaluate')
  await studio.evaluate.show('Compare methods')
  const table = studio.evaluate.board.getByRole('region', { name: 'Table of methods' })
  await expect(table.getByRole('row').nth(1)).toContainText('± 13.27')
  await expect(table.getByRole('row').nth(1)).toContainText('scale 0.325, took 12 s')
  for (const theme of ['dark', 'light'] as const) {
    await studio.setTheme(theme)
    expect(await table.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)).toBe(0)
    await expectAccessible(studio, `Evaluate, methods, ${theme}`)
  }
})

test('a search that was stopped before its first trial says so', async ({ studio, page }) => {
  const { project } = await studio.ask('project.demo', {})
  const search: EvaluationResults['search'] = {
    ...{ job: 'job', time: 0, key: evaluationKey(project, 'search'), folder: 'pictures', split: 'train' },
    models: project.models.map(({ name, path }) => ({ name, path })),
    ...{ strategy: 'cma-es', space: 'weights', groups: 'all', aims: [...LOSS_ALONE], planned: 100, trials: [] },
    ...{ pictures: null, base: null, soup: null, work: null, best: null, check: null, done: false },
  }
  const value: EvaluationResults = { ...EMPTY_RESULTS, search }
  await page.route('**/api/evaluate.results', (route) => route.fulfill({ json: { ok: true, value } }))
  await page.reload()
  await studio.goTo('Evaluate')
  await studio.evaluate.show('Automatic weights')
  await expect(studio.evaluate.search).toContainText('Stopped before the first trial was done')
  await expect(page.getByText(/^Measured/)).toHaveCount(0)
})
