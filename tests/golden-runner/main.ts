// Compares the engine with the reference data: npm run test:golden [-- FILTER …]. GOLDEN_DIR (default tests/golden) is
// searched for manifests; a filter keeps the cases whose FOLDER/ID contains it.
import { relative, resolve } from 'node:path'
import { findGoldenFolders, GoldenSet } from './golden-set'
import { OPS } from './ops/index'
import { runCase, type Outcome } from './run-cases'

type Counts = Record<Outcome['status'], number>
const noCounts = (): Counts => ({ passed: 0, failed: 0, skipped: 0 })
const inWords = ({ passed, failed, skipped }: Counts): string =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`

const root = resolve(process.env['GOLDEN_DIR'] ?? 'tests/golden')
const filters = process.argv.slice(2)
const total = noCounts()

for (const folder of findGoldenFolders(root)) {
  const set = await GoldenSet.open(folder)
  const folderName = relative(root, folder) || set.manifest.name
  const perOp = new Map<string, Counts>()
  const skipped = new Map<string, string[]>()
  for (const goldenCase of set.cases) {
    const name = `${folderName}/${goldenCase.id}`
    if (filters.length && !filters.some((filter) => name.includes(filter))) continue
    const outcome = await runCase(goldenCase, set, OPS)
    const counts = perOp.get(goldenCase.op) ?? noCounts()
    perOp.set(goldenCase.op, counts)
    counts[outcome.status]++
    total[outcome.status]++
    if (outcome.status === 'failed') for (const failure of outcome.failures) console.log(`FAILED ${name} ${failure}`)
    if (outcome.status === 'skipped') {
      skipped.set(outcome.reason, [...(skipped.get(outcome.reason) ?? []), goldenCase.id])
    }
  }
  set.close()
  if (perOp.size === 0) continue
  console.log(folderName)
  for (const [op, counts] of perOp) console.log(`  ${op}: ${inWords(counts)}`)
  for (const [reason, ids] of skipped) console.log(`  skipped: ${reason}: ${ids.join(', ')}`)
}

console.log(inWords(total))
process.exitCode = total.failed > 0 ? 1 : 0
