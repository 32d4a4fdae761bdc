import { modulesOf } from '../key-maps/name-table'
import type { Architecture, Component } from '../model/checkpoint'

/** Width of one attention head in Stable Diffusion 2, SDXL and all CLIP text encoders. */
const HEAD_WIDTH = 64
/** Groups of every group norm of published models; smaller networks have as many as divide all their channels. */
const NORM_GROUPS = 32

/** What the shapes of a component tell. */
export class Shapes {
  private readonly modules: ReadonlySet<string>

  constructor(private readonly component: Component) {
    this.modules = modulesOf(component.tensors.keys())
  }

  /** Whether there is a tensor or a module of this name. */
  has(name: string): boolean {
    return this.component.tensors.has(name) || this.modules.has(name)
  }

  /** One dimension of a tensor; 0 where it is not there. */
  size(name: string, dimension: number): number {
    return this.component.tensors.get(name)?.shape[dimension] ?? 0
  }

  /** How many modules are numbered from 0 under a name. */
  count(module: string): number {
    let count = 0
    while (this.modules.has(`${module}.${count}`)) count++
    return count
  }

  /** The first tensor whose name ends so; '' where there is none. */
  find(end: string): string {
    for (const name of this.component.tensors.keys()) if (name.endsWith(end)) return name
    return ''
  }
}

export function indices(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}

export function headCount(width: number): number {
  return Math.max(1, Math.round(width / HEAD_WIDTH))
}

export function groups(channels: readonly number[]): number {
  const greatest = (a: number, b: number): number => (b === 0 ? a : greatest(b, a % b))
  return channels.reduce(greatest, NORM_GROUPS)
}

/** Edge of the pictures that an architecture was trained on. */
export function sampleSize(architecture: Architecture): number {
  if (architecture.startsWith('sdxl')) return 1024
  return architecture === 'sd2-v' ? 768 : 512
}
