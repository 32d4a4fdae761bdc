import { computed } from 'vue'
import { evaluationAsCsv } from '../../../src-main/contract/evaluate/csv-tables'
import { saveText } from '../../shared/save-text'
import { useNotices } from '../../shared/notices/notices-store'
import { useEvaluate } from '../evaluate/evaluate-store'
import { useInspect } from '../inspect/inspect-store'
import { useInspectedMap } from '../inspect/map/map-store'
import { useProject } from '../project/project-store'
import type { ReportPictures } from '../../../src-main/contract/report/evaluate-section'
import { inspectedAsCsv } from '../../../src-main/contract/report/inspect-section'
import { projectReport } from '../../../src-main/contract/report/project-report'

/** Inspect and Evaluate as files: one HTML page, and tables as CSV. */
export function useReport() {
  const project = useProject()
  const inspect = useInspect()
  const map = useInspectedMap()
  const evaluate = useEvaluate()
  const notices = useNotices()
  const title = computed(() => project.state?.title ?? 'Untitled')
  const isInspected = computed(() => inspect.rows.length > 0)
  const table = computed(() => evaluate.results.table)
  const comparison = computed(() => evaluate.results.comparison)
  const hasTable = computed(() => table.value?.summary != null)
  const hasPage = computed(() => isInspected.value || hasTable.value || comparison.value?.leaderboard != null)

  async function savePage(): Promise<void> {
    await notices.attempt(async () => {
      const isCurrent = evaluate.isCurrent('table')
      const summary = table.value?.summary
      const compared = comparison.value?.leaderboard ? comparison.value : null
      const page = projectReport(
        title.value,
        project.project,
        {
          map: isInspected.value ? map : null,
          table: summary
            ? {
                report: table.value!,
                summary,
                isCurrent,
                pictures: isCurrent ? await picturesOf(evaluate.pictures) : [],
              }
            : null,
          comparison: compared && { report: compared, isCurrent: evaluate.isCurrent('comparison') },
          scores: evaluate.scoresOf('table'),
          methodScores: evaluate.scoresOf('comparison'),
        },
        Date.now(),
      )
      saveText(page, `${title.value}.html`, 'text/html')
    })
  }

  function saveLayers(): void {
    saveText(inspectedAsCsv(map), `${title.value} layers.csv`, 'text/csv')
  }

  function saveTable(): void {
    const { summary, unlearned, recognition } = table.value ?? {}
    if (!summary) return
    const figures = {
      ...summary,
      unlearned: unlearned ?? [],
      scores: evaluate.scoresOf('table'),
      recognition: recognition ?? null,
    }
    saveText(evaluationAsCsv(figures), `${title.value} losses.csv`, 'text/csv')
  }

  return { isInspected, hasTable, hasPage, savePage, saveLayers, saveTable }
}

/** Pictures as they are in the page itself. */
async function picturesOf(drawn: ReturnType<typeof useEvaluate>['pictures']): Promise<ReportPictures> {
  if (!drawn) return []
  return Promise.all(
    drawn.pictures.map(async ({ row, domain, url }) => ({
      row,
      domain,
      url: await dataUrl(url),
      prompt: drawn.domains.find(({ name }) => name === domain)?.prompt ?? domain,
    })),
  )
}

async function dataUrl(url: string): Promise<string> {
  const answer = await fetch(new URL(url, document.baseURI))
  const bytes = new Uint8Array(await answer.arrayBuffer())
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')
  return `data:image/png;base64,${btoa(text)}`
}
