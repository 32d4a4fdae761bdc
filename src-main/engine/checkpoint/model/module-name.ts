/** The module of a tensor: its name without `.weight` or `.bias`. */
export function moduleOf(tensor: string): string {
  return tensor.replace(/\.(?:weight|bias)$/, '')
}
