import type { ColourScale } from '../values/colour-scales'
import { colourOf, inkOn } from '../values/colour-scales'

/** A cell of a report's table. */
export interface ReportCell {
  text: string
  title?: string | undefined
  /** Of both themes' scales. */
  value?: number | null | undefined
  /** A data URL with what it shows. */
  picture?: { url: string; alt: string } | undefined
}

export interface ReportTable {
  caption: string
  columns: readonly string[]
  rows: readonly { name: string; cells: readonly ReportCell[] }[]
  /** The colours of values; null: none has any. */
  scales: { light: ColourScale; dark: ColourScale } | null
}

export interface ReportSection {
  title: string
  paragraphs: readonly string[]
  tables: readonly ReportTable[]
}

/** What every page looks like, in both themes; nothing comes from elsewhere. */
const STYLE = `
:root { color-scheme: light dark; --surface: #ffffff; --text: #191c20; --quiet: #525a66; --line: #d5d9df; }
@media (prefers-color-scheme: dark) { :root { --surface: #15171b; --text: #eceef1; --quiet: #a9b1bc; --line: #343942; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 32px 24px 64px; max-width: 1120px; background: var(--surface); color: var(--text);
  font: 14px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif; font-variant-numeric: tabular-nums; }
h1 { margin: 0; font-size: 24px; } h2 { margin: 40px 0 8px; font-size: 18px; }
p { margin: 8px 0; max-width: 80ch; } .quiet, caption { color: var(--quiet); }
.scroll { overflow-x: auto; margin: 16px 0; }
table { border-collapse: separate; border-spacing: 2px; font-size: 13px; }
caption { padding: 4px 0; text-align: left; }
th { padding: 4px 8px; font-weight: 500; text-align: left; } thead th { color: var(--quiet); text-align: center; }
td { min-width: 64px; padding: 4px 6px; border-radius: 4px; text-align: center; white-space: nowrap; }
td.coloured { background: var(--light); color: var(--light-ink); }
@media (prefers-color-scheme: dark) { td.coloured { background: var(--dark); color: var(--dark-ink); } }
td img { display: block; width: 72px; height: 72px; margin: 0 auto 2px; border-radius: 2px; object-fit: cover; }
@media print { body { padding: 0; } .scroll { overflow: visible; } }
`

/** By which a page is known as one that this program wrote. */
export const REPORT_MARK = '<meta name="generator" content="FeatureFusion Studio">'

/** A report as one HTML file that needs nothing else: no scripts, no fonts, no pictures from elsewhere. */
export function reportPage(title: string, subtitle: string, sections: readonly ReportSection[]): string {
  const body = sections.map(sectionAsHtml).join('\n')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
${REPORT_MARK}
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escaped(title)}</h1>
<p class="quiet">${escaped(subtitle)}</p>
${body}
</body>
</html>
`
}

function sectionAsHtml({ title, paragraphs, tables }: ReportSection): string {
  return `<section>
<h2>${escaped(title)}</h2>
${paragraphs.map((text) => `<p>${escaped(text)}</p>`).join('\n')}
${tables.map(tableAsHtml).join('\n')}
</section>`
}

function tableAsHtml({ caption, columns, rows, scales }: ReportTable): string {
  const head = ['', ...columns].map((column) => `<th scope="col">${escaped(column)}</th>`).join('')
  const lines = rows.map(
    ({ name, cells }) =>
      `<tr><th scope="row">${escaped(name)}</th>${cells.map((cell) => cellAsHtml(cell, scales)).join('')}</tr>`,
  )
  return `<div class="scroll"><table>
<caption>${escaped(caption)}</caption>
<thead><tr>${head}</tr></thead>
<tbody>
${lines.join('\n')}
</tbody>
</table></div>`
}

function cellAsHtml({ text, title, value, picture }: ReportCell, scales: ReportTable['scales']): string {
  const words = title === undefined ? '' : ` title="${escaped(title)}"`
  const image = picture ? `<img src="${escaped(picture.url)}" alt="${escaped(picture.alt)}">` : ''
  if (value == null || !scales) return `<td${words}>${image}${escaped(text)}</td>`
  const { light, dark } = scales
  const colours = [
    `--light: ${colourOf(light, value)}`,
    `--light-ink: ${inkOn(light, value)}`,
    `--dark: ${colourOf(dark, value)}`,
    `--dark-ink: ${inkOn(dark, value)}`,
  ]
  return `<td class="coloured" style="${colours.join('; ')}"${words}>${image}${escaped(text)}</td>`
}

function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
  return text.replaceAll(/[&<>"]/g, (character) => entities[character]!)
}
