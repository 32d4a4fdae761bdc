import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const SAMPLE_MS = 50
const PAGE_BYTES = 4096
const TICKS_PER_SECOND = 100

export interface Measured {
  seconds: number
  /** Processor time of the whole tree, as of the last sample: what a machine shared with others leaves comparable. */
  cpuSeconds: number
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
    let cpuSeconds = 0
    const timer = setInterval(() => {
      const { bytes, cpu } = sampleTree(child.pid!)
      peakBytes = Math.max(peakBytes, bytes)
      cpuSeconds = Math.max(cpuSeconds, cpu)
    }, SAMPLE_MS)
    child.on('error', reject)
    child.on('close', (code) => {
      clearInterval(timer)
      if (code === 0) resolve({ seconds: (performance.now() - started) / 1000, cpuSeconds, peakBytes, output })
      else reject(new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output}`))
    })
  })
}

/** Resident memory of one process (mapped pages included); 0 once it is gone. Linux only. */
export function residentBytes(pid: number): number {
  return field(`/proc/${pid}/statm`, (text) => Number(text.split(' ')[1]) * PAGE_BYTES) ?? 0
}

/** Resident bytes and processor seconds of a process and all its descendants. */
export function sampleTree(root: number): { bytes: number; cpu: number } {
  const processes = readProcesses()
  const family = (pid: number): number[] => [pid, ...childrenAmong(processes, pid).flatMap(family)]
  const members = family(root)
  return {
    bytes: members.reduce((sum, pid) => sum + residentBytes(pid), 0),
    cpu: members.reduce((sum, pid) => sum + (processes.get(pid)?.ticks ?? 0), 0) / TICKS_PER_SECOND,
  }
}

/** Ids of the processes that a process started and that still run. Linux only. */
export function childrenOf(pid: number): number[] {
  return childrenAmong(readProcesses(), pid)
}

interface ProcessFacts {
  parent: number
  /** Processor time, of ended children too. */
  ticks: number
}

function readProcesses(): Map<number, ProcessFacts> {
  const processes = new Map<number, ProcessFacts>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const fields = field(`/proc/${entry}/stat`, (text) =>
      text
        .slice(text.lastIndexOf(')') + 2)
        .split(' ')
        .map(Number),
    )
    if (!fields) continue
    const [parent, ...ticks] = [1, 11, 12, 13, 14].map((index) => fields[index]!)
    processes.set(Number(entry), { parent: parent!, ticks: ticks.reduce((sum, value) => sum + value, 0) })
  }
  return processes
}

function childrenAmong(processes: ReadonlyMap<number, ProcessFacts>, pid: number): number[] {
  return [...processes].flatMap(([id, { parent }]) => (parent === pid ? [id] : []))
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
  const cpu = median(runs.map(({ cpuSeconds }) => cpuSeconds))
  const each = seconds.map((value) => value.toFixed(2)).join(', ')
  return `${median(seconds).toFixed(2)} s (${each}), ${cpu.toFixed(1)} s of processor time, peak ${megabytes.toFixed(0)} MB`
}
