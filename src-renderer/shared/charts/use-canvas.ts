import { onBeforeUnmount, onMounted, ref, shallowRef, type Ref } from 'vue'

/** A canvas that follows its element's size and the screen's pixels, drawn at most once a frame. */
export function useCanvas(
  canvas: Ref<HTMLCanvasElement | null>,
  draw: (context: CanvasRenderingContext2D, width: number, height: number) => void,
): { width: Ref<number>; height: Ref<number>; schedule: () => void } {
  const width = ref(0)
  const height = ref(0)
  const context = shallowRef<CanvasRenderingContext2D | null>(null)
  let frame = 0
  let observer: ResizeObserver | undefined

  function paint(): void {
    frame = 0
    if (!context.value || width.value === 0 || height.value === 0) return
    const ratio = window.devicePixelRatio || 1
    context.value.setTransform(ratio, 0, 0, ratio, 0, 0)
    context.value.clearRect(0, 0, width.value, height.value)
    draw(context.value, width.value, height.value)
  }

  function schedule(): void {
    frame ||= requestAnimationFrame(paint)
  }

  function resize(): void {
    const element = canvas.value
    if (!element) return
    const ratio = window.devicePixelRatio || 1
    width.value = element.clientWidth
    height.value = element.clientHeight
    element.width = Math.round(width.value * ratio)
    element.height = Math.round(height.value * ratio)
    schedule()
  }

  onMounted(() => {
    context.value = canvas.value!.getContext('2d')
    observer = new ResizeObserver(resize)
    observer.observe(canvas.value!)
    resize()
  })
  onBeforeUnmount(() => {
    observer?.disconnect()
    cancelAnimationFrame(frame)
  })
  return { width, height, schedule }
}
