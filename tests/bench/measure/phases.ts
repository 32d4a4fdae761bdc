import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'

const SAMPLE_MS = 50

/** A stretch of a program's work. */
export interface Phase {
  name: string
  seconds: number
  /** Processor time of all threads; tells more than the clock on a shared machine. */
  cpuSeconds: number
  peakBytes: number
}

/** Tells whoever watches this program when a stretch of its work begins and ends. */
export async function phase<T>(name: string, action: () => Promise<T>): Promise<T> {
  console.log(JSON.stringify({ begin: name }))
  const start = performance.now()
  const cpuBefore = process.cpuUsage()
  const result = await action()
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpuBefore)
  console.log(JSON.stringify({ end: name, seconds, cpuSeconds: (user + system) / 1e6 }))
  return result
}

/** Runs a program that reports phases, and watches its memory (resident, mapped files counted, as the system does). */
export function watch(file: string, args: string[]): Promise<{ phases: Phase[]; checks: number[][] }> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const phases: Phase[] = []
    const checks: number[][] = []
    let peakBytes = 0
    const sample = (): void => {
      const resident = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]
      peakBytes = Math.max(peakBytes, Number(resident ?? 0) * 1024)
    }
    const timer = setInterval(sample, SAMPLE_MS)
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const line = text.slice(0, end)
        text = text.slice(end + 1)
        if (!line.startsWith('{')) continue
        const event = JSON.parse(line) as {
          begin?: string
          end?: string
          seconds?: number
          cpuSeconds?: number
          check?: number[]
        }
        if (event.begin) peakBytes = 0
        if (event.check) checks.push(event.check)
        if (event.end)
          phases.push({ name: event.end, seconds: event.seconds!, cpuSeconds: event.cpuSeconds!, peakBytes })
      }
    })
    child.on('error', reject)
    child.on('close', (code) => {
      clearInterval(timer)
      if (code === 0) resolve({ phases, checks })
      else reject(new Error(`${file} ended with ${code}`))
    })
  })
}

/** The best time and the highest peak of the phases of one name. */
export function best(phases: Phase[], name: string): Phase {
  const same = phases.filter((entry) => entry.name === name)
  return {
    name,
    seconds: Math.min(...same.map(({ seconds }) => seconds)),
    cpuSeconds: Math.min(...same.map(({ cpuSeconds }) => cpuSeconds)),
    peakBytes: Math.max(...same.map(({ peakBytes }) => peakBytes)),
  }
}

/** Both sides of a phase in one line, with ratios: above 1 ours is slower or larger. */
export function inWords(name: string, a: Phase, b: Phase, theirs: string): string {
  const side = ({ seconds, cpuSeconds, peakBytes }: Phase): string =>
    `${seconds.toFixed(2)} s (cpu ${cpuSeconds.toFixed(1)}), ${(peakBytes / 1e9).toFixed(2)} GB`
  return (
    `${name.padEnd(10)} ours ${side(a)}   ${theirs} ${side(b)}   ratio ${(a.seconds / b.seconds).toFixed(3)} in time, ` +
    `${(a.cpuSeconds / b.cpuSeconds).toFixed(3)} in cpu time, ${(a.peakBytes / b.peakBytes).toFixed(3)} in memory`
  )
}
