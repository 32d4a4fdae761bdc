import { FusionError } from '../../../contract/errors'
import { isDenoiser } from '../../../contract/values/denoisers'
import { readUnetConfig } from '../../architecture/unet-config'
import type { Component, TensorView } from '../../checkpoint/model/checkpoint'
import { isFloatType } from '../../tensor/element-type'

/** Spaces by what they are, in words. */
export const SPACE_KINDS = {
  attention: 'attention heads',
  feedForward: 'feed-forward layers',
  resnet: 'resnets (within the groups of their norms)',
  time: 'the time embedding',
} as const
export type SpaceKind = keyof typeof SPACE_KINDS

/** Where the units of a space stand in one tensor: as rows (axis 0) or columns (axis 1), from place `first` on. */
export interface UnitPlace {
  tensor: string
  axis: 0 | 1
  first: number
}

/**
 * Hidden units of a network that can change places without changing what it computes, where all tensors that lead into
 * them or out of them follow.
 */
export interface UnitSpace {
  /** The part of the network that holds them. */
  name: string
  kind: SpaceKind
  units: number
  /** Units lie in so many blocks (heads, groups of a norm): whole blocks change places, and units within a block. */
  blocks: number
  /** Sets of as many units each (a head's queries and keys; its values): each has an order of its own within blocks. */
  sets: UnitPlace[][]
}

/**
 * The spaces of hidden units of a UNet or a text encoder whose order changes nothing: values and scores of attention
 * heads, heads among each other, inner layers of feed-forward layers (both halves of GEGLU together), of resnets and of
 * the time embedding. The units of the residual streams are none of them.
 */
export function unitSpaces(component: Component): UnitSpace[] {
  const finder = new SpaceFinder(component.tensors)
  if (isDenoiser(component.name)) return unetSpaces(component, finder)
  return component.name === 'text_encoder' || component.name === 'text_encoder_2'
    ? textEncoderSpaces(component, finder)
    : []
}

/** The spaces that two networks have in common. */
export function commonSpaces(own: Component, other: Component): UnitSpace[] {
  const others = new Map(unitSpaces(other).map((space) => [space.name, space]))
  return unitSpaces(own).filter((space) => JSON.stringify(space) === JSON.stringify(others.get(space.name)))
}

/** Spaces that need numbers of heads and groups are left out where the config tells none. */
function unetSpaces(component: Component, finder: SpaceFinder): UnitSpace[] {
  const sizes = unetSizes(component)
  const resnets = finder.modules('.conv1.weight')
  const projections = resnets.map((module) => `${module}.time_emb_proj`)
  const embeddings = finder.modules('.linear_1.weight').filter((name) => /^(time|add)_embedding$/.test(name))
  const spaces = [
    ...finder.modules('.net.0.proj.weight').map((module) => {
      const hidden = finder.size(`${module}.net.2.weight`, 1)
      const halves = [0, hidden].flatMap((first) => finder.rows(`${module}.net.0.proj`, first))
      return space(module, 'feedForward', hidden, 1, [[...halves, ...finder.columns(`${module}.net.2`)]])
    }),
    ...(sizes
      ? finder.modules('.to_q.weight').map((module) => {
          const parts = { query: 'to_q', key: 'to_k', value: 'to_v', out: 'to_out.0' }
          return attentionSpace(finder, module, parts, sizes.headsOf(module))
        })
      : []),
    ...embeddings.map((module) => {
      const places = [...finder.rows(`${module}.linear_1`), ...finder.columns(`${module}.linear_2`)]
      return space(module, 'time', finder.size(`${module}.linear_2.weight`, 1), 1, [places])
    }),
    ...(sizes
      ? resnets.map((module) => {
          const into = ['conv1', 'time_emb_proj', 'norm2'].flatMap((layer) => finder.rows(`${module}.${layer}`))
          const units = finder.size(`${module}.conv1.weight`, 0)
          return space(module, 'resnet', units, sizes.groups, [[...into, ...finder.columns(`${module}.conv2`)]])
        })
      : []),
    space('the sum of the time embeddings', 'time', finder.size('time_embedding.linear_2.weight', 0), 1, [
      [
        ...embeddings.flatMap((module) => finder.rows(`${module}.linear_2`)),
        ...projections.flatMap((module) => finder.columns(module)),
      ],
    ]),
  ]
  return spaces.filter((found) => finder.fits(found))
}

function textEncoderSpaces({ config }: Component, finder: SpaceFinder): UnitSpace[] {
  const heads = config?.['num_attention_heads']
  const spaces = [
    ...finder.modules('.fc1.weight').map((module) => {
      const places = [...finder.rows(`${module}.fc1`), ...finder.columns(`${module}.fc2`)]
      return space(module, 'feedForward', finder.size(`${module}.fc2.weight`, 1), 1, [places])
    }),
    ...(typeof heads === 'number'
      ? finder.modules('.q_proj.weight').map((module) => {
          const parts = { query: 'q_proj', key: 'k_proj', value: 'v_proj', out: 'out_proj' }
          return attentionSpace(finder, module, parts, heads)
        })
      : []),
  ]
  return spaces.filter((found) => finder.fits(found))
}

function space(name: string, kind: SpaceKind, units: number, blocks: number, sets: UnitPlace[][]): UnitSpace {
  return { name, kind, units, blocks, sets }
}

function attentionSpace(
  finder: SpaceFinder,
  module: string,
  { query, key, value, out }: Record<'query' | 'key' | 'value' | 'out', string>,
  heads: number,
): UnitSpace {
  const scores = [query, key].flatMap((layer) => finder.rows(`${module}.${layer}`))
  const values = [...finder.rows(`${module}.${value}`), ...finder.columns(`${module}.${out}`)]
  return space(module, 'attention', finder.size(`${module}.${query}.weight`, 0), heads, [scores, values])
}

/** What a UNet's shapes do not tell; null without a config, or with one that this program does not know. */
function unetSizes({ config }: Component): { groups: number; headsOf: (module: string) => number } | null {
  if (!config) return null
  try {
    const { levels, groups } = readUnetConfig(config)
    return {
      groups,
      headsOf(module) {
        const [, path, level] = /^(down|up)_blocks\.(\d+)\./.exec(module) ?? []
        const index = path === undefined ? levels.length - 1 : Number(level)
        return levels[path === 'up' ? levels.length - 1 - index : index]?.heads ?? 0
      },
    }
  } catch (error) {
    if (error instanceof FusionError) return null
    throw error
  }
}

/** Finds places of units by the names of layers. */
class SpaceFinder {
  constructor(private readonly tensors: ReadonlyMap<string, TensorView>) {}

  /** Modules that have a tensor of this name. */
  modules(ending: string): string[] {
    return [...this.tensors.keys()].filter((name) => name.endsWith(ending)).map((name) => name.slice(0, -ending.length))
  }

  size(name: string, axis: number): number {
    return this.tensors.get(name)?.shape[axis] ?? 0
  }

  /** Weight and bias of a layer that leads into units. */
  rows(layer: string, first = 0): UnitPlace[] {
    return ['weight', 'bias']
      .map((kind) => `${layer}.${kind}`)
      .filter((name) => this.tensors.has(name))
      .map((tensor) => ({ tensor, axis: 0, first }))
  }

  /** The weight of a layer that leads out of units. */
  columns(layer: string): UnitPlace[] {
    return [{ tensor: `${layer}.weight`, axis: 1, first: 0 }]
  }

  /** Whether all tensors are there, stored the right way round, and have room for the units. */
  fits({ units, blocks, sets }: UnitSpace): boolean {
    return (
      units > 1 &&
      units % blocks === 0 &&
      sets.flat().every(({ tensor, axis, first }) => {
        const view = this.tensors.get(tensor)
        if (!view || view.transposed || !isFloatType(view.stored.elementType)) return false
        const room = view.shape[axis] ?? 0
        return axis === 0 ? room >= first + units : room === units
      })
    )
  }
}
