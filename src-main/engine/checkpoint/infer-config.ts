import type { Architecture, Component } from './checkpoint'
export function inferConfig(component: Component, _architecture: Architecture): Record<string, unknown> | null {
  return component.name === 'model' ? null : {}
}
