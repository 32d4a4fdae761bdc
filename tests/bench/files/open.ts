// Opening a 1.7 GB file (SD 1.4's UNet, 686 tensors, LDM naming): the engine's call, in processes of their own, so that
// each is a first call as the program makes it.
//   node scripts/run-ts.mjs tests/bench/files/open.ts FOLDER [RUNS]      FOLDER holds synthetic-unets.ts' files
import { spawnSync } from 'node:child_process'
import { median } from '../measure/process-tree'
import { openCheckpoint } from '../../../src-main/engine/checkpoint/open'
import { syntheticPath } from '../inputs/synthetic-unets'

const [folder = 'out/bench-data', runs = '7'] = process.argv.slice(2)
const path = syntheticPath(folder, 0)

if (process.env['OPEN_ONCE'] !== undefined) {
  const times: number[] = []
  for (let call = 0; call < 2; call++) {
    const before = process.cpuUsage()
    const started = performance.now()
    await openCheckpoint(path)
    const { user, system } = process.cpuUsage(before)
    times.push(performance.now() - started, (user + system) / 1000)
  }
  console.log(times.join(' '))
} else {
  const measured = Array.from({ length: Number(runs) }, () => {
    const { stdout } = spawnSync(process.execPath, ['scripts/run-ts.mjs', 'tests/bench/files/open.ts', folder], {
      env: { ...process.env, OPEN_ONCE: '1' },
      encoding: 'utf8',
    })
    return stdout.trim().split(' ').map(Number)
  })
  const column = (index: number): string => median(measured.map((run) => run[index]!)).toFixed(1)
  console.log(
    `first call ${column(0)} ms (${column(1)} ms of processor time), second ${column(2)} ms (${column(3)} ms)`,
  )
}
