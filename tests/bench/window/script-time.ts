import type { Browser, Page } from '@playwright/test'

interface TraceEvent {
  name: string
  ph: string
  pid: number
  tid: number
  /** Microseconds. */
  ts: number
  dur?: number
  /** Microseconds that the thread really ran. */
  tdur?: number
  args?: { data?: { type?: string } }
}

/** What Chromium calls the stretches in which a page's script runs, as its own tools show them. */
const SCRIPT = new Set([
  'EventDispatch',
  'EvaluateScript',
  'FireAnimationFrame',
  'FireIdleCallback',
  'FunctionCall',
  'RunMicrotasks',
  'TimerFire',
  'v8.callFunction',
])

/** Milliseconds of script that one event set off. */
export interface ScriptTime {
  /** By the clock: longer than the script itself where other programs take its core. */
  wall: number
  /** What the page's thread worked. */
  cpu: number
}

/**
 * The script that each event of a type set off while `act` ran: from the event to the next one, so that renderings,
 * animation frames and answers of the host count.
 */
export async function scriptTimes(
  browser: Browser,
  page: Page,
  type: string,
  act: () => Promise<void>,
): Promise<ScriptTime[]> {
  await browser.startTracing(page, { categories: ['devtools.timeline', 'v8.execute'] })
  await act()
  const trace = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] }
  const events = trace.traceEvents.filter(({ ph }) => ph === 'X').sort((a, b) => a.ts - b.ts)
  const inputs = events.filter(({ name, args }) => name === 'EventDispatch' && args?.data?.type === type)
  const first = inputs[0]
  if (!first) throw new Error(`The trace has no ${type}.`)
  const stretches = outermost(
    events.filter(({ name, pid, tid }) => SCRIPT.has(name) && pid === first.pid && tid === first.tid),
  )
  // An event is dispatched once for every phase and element that listens; those of one input follow at once.
  const starts = inputs.filter(({ ts }, index) => index === 0 || ts - inputs[index - 1]!.ts > 2000).map(({ ts }) => ts)
  return starts.map((start, index) => {
    const own = stretches.filter(({ ts }) => ts >= start && ts < (starts[index + 1] ?? Infinity))
    return { wall: total(own.map(({ dur }) => dur)) / 1000, cpu: total(own.map(({ tdur }) => tdur)) / 1000 }
  })
}

/** Those that are not inside another one. */
function outermost(stretches: readonly TraceEvent[]): TraceEvent[] {
  let end = 0
  return stretches.filter(({ ts, dur = 0 }) => {
    if (ts < end) return false
    end = ts + dur
    return true
  })
}

function total(values: readonly (number | undefined)[]): number {
  return values.reduce<number>((sum, value) => sum + (value ?? 0), 0)
}
