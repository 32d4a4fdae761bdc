import { computed, ref, type ComputedRef, type Ref } from 'vue'

/** Zoom and pan that several pictures share; offsets are pixels of the frame, about its centre. */
export function usePanZoom(): {
  zoom: Ref<number>
  transform: ComputedRef<string>
  wheel: (event: WheelEvent) => void
  press: (event: PointerEvent) => void
  move: (event: PointerEvent) => void
  zoomBy: (factor: number) => void
  pan: (x: number, y: number) => void
  reset: () => void
} {
  const zoom = ref(1)
  const x = ref(0)
  const y = ref(0)
  const transform = computed(() => `translate(${x.value}px, ${y.value}px) scale(${zoom.value})`)

  function zoomBy(factor: number, atX = 0, atY = 0): void {
    const next = Math.min(32, Math.max(1, zoom.value * factor))
    x.value = atX - ((atX - x.value) * next) / zoom.value
    y.value = atY - ((atY - y.value) * next) / zoom.value
    zoom.value = next
    if (next === 1) x.value = y.value = 0
  }

  function wheel(event: WheelEvent): void {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect()
    const atX = event.clientX - box.left - box.width / 2
    const atY = event.clientY - box.top - box.height / 2
    zoomBy(Math.exp(-event.deltaY / 240), atX, atY)
  }

  function pan(byX: number, byY: number): void {
    if (zoom.value === 1) return
    x.value += byX
    y.value += byY
  }

  function press(event: PointerEvent): void {
    ;(event.currentTarget as HTMLElement).setPointerCapture(event.pointerId)
  }

  function move(event: PointerEvent): void {
    if (event.buttons === 1) pan(event.movementX, event.movementY)
  }

  function reset(): void {
    zoom.value = 1
    x.value = y.value = 0
  }

  return { zoom, transform, wheel, press, move, zoomBy, pan, reset }
}
