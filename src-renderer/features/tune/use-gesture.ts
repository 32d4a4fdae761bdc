let gestures = 0

/** Names one continuous change (of a slider, from press to release), so that it is one step of undo. */
export function useGesture(): { key: (what: string) => string; end: () => void } {
  let current = ++gestures
  return {
    key: (what) => `${what}:${current}`,
    end: () => (current = ++gestures),
  }
}
