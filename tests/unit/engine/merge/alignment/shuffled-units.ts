import { TensorReader } from '../../../../../src-main/engine/checkpoint/containers/tensor-reader'
import type { Component } from '../../../../../src-main/engine/checkpoint/model/checkpoint'
import { reorderUnits, type OrderedSpace } from '../../../../../src-main/engine/merge/alignment/match-units'
import { unitSpaces, type UnitSpace } from '../../../../../src-main/engine/merge/alignment/unit-spaces'
import { viewInputs } from '../../../../../src-main/engine/merge/jobs/view-inputs'
import { BYTES_PER_ELEMENT, elementCount } from '../../../../../src-main/engine/tensor/element-type'
import { noise } from '../../tensor/inputs'

/** A random order of 0 … size − 1. */
function shuffledOrder(size: number, seed: number): number[] {
  const keys = noise(size, seed)
  return [...Array(size).keys()].sort((a, b) => keys[a]! - keys[b]!)
}

/** Random orders that a space allows. */
function shuffledSpace(space: UnitSpace, seed: number, movesBlocks: boolean): OrderedSpace {
  const { blocks, units, sets } = space
  const size = units / blocks
  const others = movesBlocks ? shuffledOrder(blocks, seed) : [...Array(blocks).keys()]
  const orders = sets.map((_, set) =>
    Int32Array.from(
      others.flatMap((other, own) =>
        shuffledOrder(size, seed + 17 * (own + 1) + 1000 * set).map((unit) => other * size + unit),
      ),
    ),
  )
  return { space, orders }
}

/**
 * A component that computes the same with its hidden units in other places.
 * @param movesBlocks whether heads and groups change places, too
 * @param isMoved of which spaces; all if absent
 */
export function shuffled(
  component: Component,
  movesBlocks = true,
  isMoved: (space: UnitSpace) => boolean = () => true,
): Component {
  const spaces = unitSpaces(component).filter(isMoved)
  return reorderUnits(
    component,
    spaces.map((space, index) => shuffledSpace(space, 31 * index + 7, movesBlocks)),
  )
}

/** The bytes of all tensors of a component. */
export function contents(component: Component): Map<string, Buffer> {
  const reader = new TensorReader()
  try {
    return new Map(
      [...component.tensors.values()].map((view) => {
        const bytes = Buffer.alloc(elementCount(view.shape) * BYTES_PER_ELEMENT[view.stored.elementType])
        viewInputs([view], reader).read(0, 0, bytes)
        return [view.name, bytes]
      }),
    )
  } finally {
    reader.close()
  }
}
