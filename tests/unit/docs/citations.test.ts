import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'

/** Documents that comments cite by name alone. */
const CITED = ['method.md', 'architecture.md', 'results.md', 'benchmarks.md', 'cli.md', 'security.md']

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' })
  .split('\n')
  .filter((path) => path !== '' && existsSync(path))
const sources = files.filter((path) => /\.(ts|vue|mjs|cjs|js|css)$/.test(path))
const documents = files.filter((path) => path.endsWith('.md') && !/^(resources|tests\/golden)\//.test(path))

/** Headings of a document, without code marks. */
function headingsOf(path: string): string[] {
  return [...readFileSync(path, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, title]) => title!.replaceAll('`', ''))
}

/** Everything that matches, with the file it stands in. */
function found(paths: readonly string[], pattern: RegExp): { path: string; match: RegExpMatchArray }[] {
  return paths.flatMap((path) => [...readFileSync(path, 'utf8').matchAll(pattern)].map((match) => ({ path, match })))
}

describe('what comments cite is there', () => {
  it('a document and its section', () => {
    const citations = found(sources, /(?<![\w/-])([a-z]+\.md)(?:, '([^']+)')?/g)
    expect(citations.length).toBeGreaterThan(20)
    for (const { path, match } of citations) {
      const [, document, section] = match as unknown as [string, string, string | undefined]
      if (section === undefined && !CITED.includes(document)) continue // a file name in other words
      expect(CITED, `${path} cites ${document}`).toContain(document)
      if (section !== undefined)
        expect(headingsOf(join('docs', document)), `${path} cites ${document}, '${section}'`).toContain(section)
    }
  })

  it('a decision record', () => {
    const records = readdirSync('docs/adr')
    for (const { path, match } of found([...sources, ...documents], /\bADR 0*(\d+)/g)) {
      const prefix = `${match[1]!.padStart(4, '0')}-`
      expect(
        records.some((name) => name.startsWith(prefix)),
        `${path} cites ${match[0]}`,
      ).toBe(true)
    }
  })

  it('a path of this project', () => {
    for (const { path, match } of found([...sources, ...documents], /(?<![\w/.-])docs\/[\w./-]*\w/g))
      expect(existsSync(match[0]), `${path} names ${match[0]}`).toBe(true)
  })
})

it('links between documents lead somewhere', () => {
  const links = found(documents, /\]\((?!https?:)([^)#]+)/g)
  expect(links.length).toBeGreaterThan(10)
  for (const { path, match } of links)
    expect(existsSync(join(dirname(path), match[1]!)), `${path} links to ${match[1]}`).toBe(true)
})

it('the README is short: at most 700 words', () => {
  expect(readFileSync('README.md', 'utf8').split(/\s+/).length).toBeLessThanOrEqual(700)
})
