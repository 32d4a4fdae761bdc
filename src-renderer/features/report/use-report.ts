import { computed } from 'vue'
import { evaluationAsCsv } from '../../../src-main/contract/evaluate/csv-tables'
import { methodWords } from '../../../src-main/contract/methods/words'
import { formatDate, formatNumber, shortPath } from '../../shared/format'
import { saveText } from '../../shared/save-text'
import { useNotices } from '../../shared/notices/notices-store'
import { useEvaluate } from '../evaluate/evaluate-store'
import { useInspect } from '../inspect/inspect-store'
import { useInspectedMap } from '../inspect/map-store'
import { useProject } from '../project/project-store'
import { comparisonSection, tableSection, type ReportPictures } from './evaluate-section'
import { inspectedAsCsv, inspectSection } from './inspect-section'
import { reportPage, type ReportSection } from './report-page'

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

  function projectSection(): ReportSection {
    const { models, method } = project.project
    return {
      title: 'The project',
      paragraphs: [methodWords(method)],
      tables: [
        {
          caption: 'Models',
          columns: ['weight', 'file', 'sha256'],
          rows: models.map(({ name, weight, enabled, path, sha256 }, index) => ({
            name: index === 0 ? `${name} (base)` : name,
            cells: [
              { text: enabled || index === 0 ? formatNumber(weight) : 'dropped' },
              // A page that is passed on does not tell where things lie on this machine.
              { text: shortPath(path) },
              { text: sha256?.slice(0, 12) ?? '', title: sha256 },
            ],
          })),
          scales: null,
        },
      ],
    }
  }

  async function savePage(): Promise<void> {
    await notices.attempt(async () => {
      const sections = [projectSection()]
      if (isInspected.value) sections.push(inspectSection(map, project.project))
      if (table.value?.summary) {
        const pictures = evaluate.isCurrent('table') ? await picturesOf(evaluate.pictures) : []
        sections.push(tableSection(table.value, table.value.summary, pictures, evaluate.isCurrent('table')))
      }
      if (comparison.value?.leaderboard)
        sections.push(comparisonSection(comparison.value, evaluate.isCurrent('comparison')))
      const page = reportPage(title.value, `FeatureFusion Studio, ${formatDate(Date.now())}`, sections)
      saveText(page, `${title.value}.html`, 'text/html')
    })
  }

  function saveLayers(): void {
    saveText(inspectedAsCsv(map), `${title.value} layers.csv`, 'text/csv')
  }

  function saveTable(): void {
    const { summary, unlearned, recognition } = table.value ?? {}
    if (!summary) return
    const clip = evaluate.isCurrent('table') && evaluate.isCurrent('clip') ? evaluate.results.clip : null
    const figures = { ...summary, unlearned: unlearned ?? [], clip, recognition: recognition ?? null }
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
