import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const SAMPLE_MS = 50
const PAGE_BYTES = 4096

export interface Measured {
  seconds: number
  /** Largest sum of resident memory of the process and all its descendants (mapped pages included). Linux only. */
  peakBytes: number
  output: string
}

/** Runs a command to its end, with the peak memory of its process tree. */
export function measureProcess(command: string, args: readonly string[], env = process.env): Promise<Measured> {
  return new Promise((resolve, reject) => {
    const started = performance.now()
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
    let peakBytes = 0
    const timer = setInterval(() => (peakBytes = Math.max(peakBytes, treeBytes(child.pid!))), SAMPLE_MS)
    child.on('error', reject)
    child.on('close', (code) => {
      clearInterval(timer)
      if (code === 0) resolve({ seconds: (performance.now() - started) / 1000, peakBytes, output })
      else reject(new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output}`))
    })
  })
}

/** Resident bytes of a process and all its descendants. */
function treeBytes(root: number): number {
  const children = new Map<number, number[]>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const parent = field(`/proc/${entry}/stat`, (text) => Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]))
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(entry)])
  }
  const sum = (pid: number): number =>
    (field(`/proc/${pid}/statm`, (text) => Number(text.split(' ')[1]) * PAGE_BYTES) ?? 0) +
    (children.get(pid) ?? []).reduce((total, child) => total + sum(child), 0)
  return sum(root)
}

/** A value of a file under /proc; undefined once the process is gone. */
function field<T>(path: string, read: (text: string) => T): T | undefined {
  try {
    return read(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}

/** The middle one of some numbers. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2
}

/** Seconds and megabytes of runs, as medians. */
export function inWords(runs: readonly Measured[]): string {
  const seconds = runs.map((run) => run.seconds)
  const megabytes = Math.max(...runs.map(({ peakBytes }) => peakBytes)) / 1e6
  return `${median(seconds).toFixed(2)} s (${seconds.map((value) => value.toFixed(2)).join(', ')}), peak ${megabytes.toFixed(0)} MB`
}
