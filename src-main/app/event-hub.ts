import type { AppEvent, NumberedEvent } from '../contract/protocol/events'

/** Events that are kept for clients that come back. */
const KEPT = 2000

export type EventListener = (event: NumberedEvent) => void

/** Numbers events, hands them to every listener, and keeps the last ones. */
export class EventHub {
  private readonly listeners = new Set<EventListener>()
  private readonly kept: NumberedEvent[] = []
  private last = 0

  /** Number of the last event; 0 before the first. */
  get sequence(): number {
    return this.last
  }

  readonly emit = (event: AppEvent): void => {
    const numbered = { sequence: ++this.last, event }
    this.kept.push(numbered)
    if (this.kept.length > KEPT) this.kept.shift()
    for (const listener of this.listeners) listener(numbered)
  }

  /** Returns what ends it. */
  listen(listener: EventListener): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** The events after a number; null where some of them are not kept (or never were: the host was started anew). */
  since(after: number): NumberedEvent[] | null {
    if (after > this.last) return null
    const missed = this.last - after
    return missed > this.kept.length ? null : this.kept.slice(this.kept.length - missed)
  }
}
