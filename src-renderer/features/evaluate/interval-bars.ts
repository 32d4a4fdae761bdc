import type { Plugin } from 'chart.js'
import type { Interval, ModelRole } from '../../../src-main/contract/evaluate/losses'
import { tokenColour } from '../../shared/charts/theme-colours'
import { modelColour } from '../../shared/colour/specialist-colours'

/** The colour of a row's bar or curve. @param place of the model in the project; below 0: it is none of them */
export function barColour(role: ModelRole, place: number): string {
  return role === 'merge' || place < 0 ? tokenColour('--accent') : tokenColour(modelColour(place))
}

/** Letters of a name for which a narrow chart has room. */
const MOST_LETTERS = 24

/** The axis of bars' names, which are cut where they are long; whoever points at a bar reads all of it. */
export function namesAxis(names: readonly string[]) {
  const cut = (name: string): string => (name.length > MOST_LETTERS ? `${name.slice(0, MOST_LETTERS - 1)}…` : name)
  return { grid: { display: false }, ticks: { callback: (_value: unknown, index: number) => cut(names[index]!) } }
}

/** Writes the number on bars that are cut off. */
export function endings(texts: readonly string[]): Plugin {
  return {
    id: 'endings',
    afterDatasetsDraw(chart) {
      const { ctx, chartArea } = chart
      ctx.save()
      ctx.font = `600 12px ${getComputedStyle(document.body).fontFamily}`
      ctx.textBaseline = 'middle'
      chart.getDatasetMeta(0).data.forEach(({ y }, index) => {
        const text = texts[index]
        if (!text) return
        const left = chartArea.right - ctx.measureText(text).width - 12
        ctx.fillStyle = tokenColour('--surface')
        ctx.fillRect(left - 4, y - 8, chartArea.right - left + 4, 16)
        ctx.fillStyle = tokenColour('--text')
        ctx.fillText(text, left, y)
      })
      ctx.restore()
    },
  }
}

/** Draws confidence intervals over horizontal bars. */
export function whiskers(intervals: readonly (Interval | null)[]): Plugin {
  return {
    id: 'whiskers',
    afterDatasetsDraw(chart) {
      const { ctx } = chart
      ctx.save()
      ctx.strokeStyle = tokenColour('--text')
      ctx.lineWidth = 1.5
      chart.getDatasetMeta(0).data.forEach((bar, index) => {
        const interval = intervals[index]
        if (!interval) return
        const [left, right] = [interval.low, interval.high].map((value) =>
          Math.min(chart.chartArea.right, chart.scales['x']!.getPixelForValue(value)),
        )
        ctx.beginPath()
        ctx.moveTo(left!, bar.y)
        ctx.lineTo(right!, bar.y)
        for (const end of [left!, right!]) {
          ctx.moveTo(end, bar.y - 4)
          ctx.lineTo(end, bar.y + 4)
        }
        ctx.stroke()
      })
      ctx.restore()
    },
  }
}
