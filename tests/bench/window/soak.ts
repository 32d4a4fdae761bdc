// What a long day leaves behind: many merges and previews through one `serve`.
//   npm run build && node scripts/run-ts.mjs tests/bench/window/soak.ts [ROUNDS]     150 rounds unless told otherwise; Linux
// A round is an export (over the one before) and a preview of one picture, each with other weights. Printed: memory and
// open files of host and compute process, and files left over, after the first tenth and at the end.
import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Project } from '../../../src-main/contract/document/project'
import { StudioServer } from '../../e2e/support/studio-server'
import { childrenOf, residentBytes } from '../measure/process-tree'
import { LiveClient } from './live-client'

const rounds = Number(process.argv[2] ?? 150)
/** Buffers, compiled code and caches are there by then. */
const warm = Math.ceil(rounds / 10)

interface Reading {
  hostMb: number
  computeMb: number
  hostFiles: number
  computeFiles: number
  /** Files in the folder of exports, and what is there under a temporary name. */
  exported: number
  temporary: number
}

const server = await StudioServer.start()
try {
  const client = await LiveClient.connect(server.url)
  const { project } = (await client.invoke('project.demo', {})) as { project: Project }
  const preview = { ...project.preview, prompts: project.preview.prompts.slice(0, 1), seeds: [1], steps: 4 }
  await client.edit([{ type: 'set-preview', preview }])
  const started = performance.now()
  let first: Reading | undefined
  for (let round = 1; round <= rounds; round++) {
    await runRound(client, project, round)
    if (round === warm) first = read()
    if (round % warm === 0) console.log(`round ${round}: ${inWords(read())}`)
  }
  const last = read()
  const minutes = (performance.now() - started) / 60_000
  console.log(`\n${rounds} merges and ${rounds} previews in ${minutes.toFixed(1)} minutes`)
  console.log(`after ${warm}: ${inWords(first!)}\nat the end: ${inWords(last)}`)
  client.close()
} finally {
  await server.stop()
}

async function runRound(client: LiveClient, project: Project, round: number): Promise<void> {
  const changed = project.models[1 + (round % (project.models.length - 1))]!
  const model = { ...changed, weight: 0.2 + (round % 50) / 25 }
  await client.edit([{ type: 'set-model', name: changed.name, model }])
  await client.untilDone(await client.invoke('preview.run', { variants: [{ type: 'merge' }] }))
  const path = join(server.folder, 'merged')
  await client.untilDone(await client.invoke('export.start', { path, overwrite: round > 1 }))
  await client.invoke('jobs.dismiss', {})
}

function read(): Reading {
  const compute = childrenOf(server.pid)
  const files = readdirSync(server.root, { recursive: true }).map(String)
  return {
    hostMb: residentBytes(server.pid) / 1e6,
    computeMb: compute.reduce((sum, pid) => sum + residentBytes(pid), 0) / 1e6,
    hostFiles: openFiles(server.pid),
    computeFiles: compute.reduce((sum, pid) => sum + openFiles(pid), 0),
    exported: readdirSync(server.folder, { recursive: true }).length,
    temporary: files.filter((file) => /\.(tmp|partial|old)$/.test(file)).length,
  }
}

/** Descriptors of regular files; sockets and pipes come and go with clients. */
function openFiles(pid: number): number {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).filter((entry) => {
    try {
      return readlinkSync(join(folder, entry)).startsWith('/')
    } catch {
      return false // closed since it was listed
    }
  }).length
}

function inWords(reading: Reading): string {
  const { hostMb, computeMb, hostFiles, computeFiles, exported, temporary } = reading
  const memory = `host ${hostMb.toFixed(0)} MB, compute ${computeMb.toFixed(0)} MB`
  return `${memory}, open files ${hostFiles} and ${computeFiles}, ${exported} exported, ${temporary} temporary files`
}
