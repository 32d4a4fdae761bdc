import type { Browser, Page } from '@playwright/test'

interface TraceEvent {
  name: string
  ph: string
  pid: number
  tid: number
  /** Microseconds. */
  ts: number
  dur?: number
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

/**
 * Milliseconds of script that each event of a type set off while `act` ran: from the event to the next one, so that
 * renderings, animation frames and answers of the host count.
 */
export async function scriptTimes(
  browser: Browser,
  page: Page,
  type: string,
  act: () => Promise<void>,
): Promise<number[]> {
  await browser.startTracing(page, { categories: ['devtools.timeline', 'v8.execute'] })
  await act()
  const trace = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] }
  const events = trace.traceEvents.filter(({ ph }) => ph === 'X').sort((a, b) => a.ts - b.ts)
  const inputs = events.filter(({ name, args }) => name === 'EventDispatch' && args?.data?.type === type)
  const first = inputs[0]
  if (!first) throw new Error(`The trace has no ${type}.`)
  const stretches = events.filter(({ name, pid, tid }) => SCRIPT.has(name) && pid === first.pid && tid === first.tid)
  // An event is dispatched once for every phase and element that listens; those of one input follow at once.
  const starts = inputs.filter(({ ts }, index) => index === 0 || ts - inputs[index - 1]!.ts > 2000).map(({ ts }) => ts)
  return starts.map((start, index) => within(stretches, start, starts[index + 1] ?? Infinity) / 1000)
}

/** Microseconds that the stretches cover between two moments; what is inside another one counts once. */
function within(stretches: readonly TraceEvent[], from: number, to: number): number {
  let covered = 0
  let end = from
  for (const { ts, dur = 0 } of stretches) {
    if (ts < from || ts >= to) continue
    covered += Math.max(0, ts + dur - Math.max(ts, end))
    end = Math.max(end, ts + dur)
  }
  return covered
}
