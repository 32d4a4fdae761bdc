import { yieldOrCancel, type YieldOrCancel } from '../../cancel'
import { combinedTensor } from '../../checkpoint/containers/derived/combined-tensors'
import type { Combination, StoredTensor } from '../../checkpoint/containers/container'
import type { TensorReader } from '../../checkpoint/containers/tensor-reader'
import type { Component } from '../../checkpoint/model/checkpoint'
import { bestAssignment } from '../../linear-algebra/assignment'
import { oneUnderOther } from '../../linear-algebra/joined-matrices'
import type { Matrix } from '../../linear-algebra/matrix-products'
import { featureCorrelations, groupShare, pairFeatures, type PairingSettings } from './feature-pairing'
import type { MatchOptions } from './match-units'
import { TensorValues } from './tensor-values'
import { layersInto, UnitFeatures } from './unit-features'
import { commonSpaces, type UnitPlace, type UnitSpace } from './unit-spaces'

/** Which units of two models are put together, in the sets of a space. */
export interface ZippedSpace {
  space: UnitSpace
  /** Of every set: the units of every merged one; those of the other model are counted from `units` on. */
  groups: number[][][]
}

/** Real inputs of a layer [columns, inputs] by its module; undefined where there are none. */
export type InputsOf = (module: string) => StoredTensor | undefined

/**
 * ZipIt! (Stoica et al. 2024) over the hidden units of two networks: their features on the same real inputs are paired by
 * correlation, within and across the models. Queries and keys are paired across the models alone, one to one within a
 * head, since a score is a sum over the units of both; so are channels of resnets, within the groups of their norm. All
 * other features, those of the residual streams first of all, are paired with those in the same place.
 * @param own, other of one architecture
 * @returns the spaces whose inputs are there
 * @throws FusionError 'not-finite', 'source-changed', 'damaged', 'cancelled'
 */
export async function zipUnits(
  [own, other]: readonly [Component, Component],
  inputsOf: InputsOf,
  reader: TensorReader,
  settings: PairingSettings,
  { products, signal, onProgress }: MatchOptions,
): Promise<ZippedSpace[]> {
  const values = new TensorValues(reader)
  const [first, second] = [own, other].map((component) => new UnitFeatures(component, inputsOf, values, products))
  const common = commonSpaces(own, other)
  const spaces = common.filter((space) => first!.areKnown(space) && !takesUnits(space, common))
  const total = spaces.reduce((sum, { units }) => sum + units ** 2, 0)
  const pause = (): Promise<void> => yieldOrCancel(signal)
  const zipped: ZippedSpace[] = []
  let done = 0
  for (const space of spaces) {
    const groups: number[][][] = []
    for (const set of space.sets) {
      await pause()
      const features = oneUnderOther([await first!.of(space, set), await second!.of(space, set)])
      const correlations = await featureCorrelations(features, products)
      await pause()
      groups.push(await pairsOf(space, set, correlations, settings, pause))
    }
    zipped.push({ space, groups })
    done += space.units ** 2
    onProgress?.(done / total)
  }
  return zipped
}

/** Whether layers that lead into a space take hidden units of another: the two models need not have the same of these. */
function takesUnits(space: UnitSpace, all: readonly UnitSpace[]): boolean {
  const outOfUnits = new Set(
    all.flatMap(({ sets }) => sets.flat().flatMap(({ tensor, axis }) => (axis === 1 ? [tensor] : []))),
  )
  return space.sets.some((set) => layersInto(set).some(({ tensor }) => outOfUnits.has(tensor)))
}

/** Units that are put together, block by block. */
async function pairsOf(
  { units, blocks, kind }: UnitSpace,
  set: readonly UnitPlace[],
  correlations: Matrix,
  settings: PairingSettings,
  pause: YieldOrCancel,
): Promise<number[][]> {
  const size = units / blocks
  // Only what a linear layer takes apart again can be put together within a model.
  const isTakenApart = kind !== 'resnet' && set.some(({ axis }) => axis === 1)
  const groups: number[][] = []
  for (let block = 0; block < blocks; block++) {
    const placeOf = (unit: number): number => block * size + (unit < size ? unit : units - size + unit)
    const part = blocks === 1 ? correlations : partOf(correlations, placeOf, 2 * size)
    const pairs = isTakenApart ? pairFeatures(part, 2, settings) : await oneToOne(part, size, pause)
    groups.push(...pairs.map((group) => group.map(placeOf)))
  }
  return groups
}

function partOf({ data, columns }: Matrix, placeOf: (unit: number) => number, size: number): Matrix {
  const part = Float32Array.from(
    { length: size * size },
    (_, at) => data[placeOf(Math.floor(at / size)) * columns + placeOf(at % size)]!,
  )
  return { data: part, rows: size, columns: size }
}

/** Every unit of one model with one of the other: the pairs with the largest sum of correlations. */
async function oneToOne({ data }: Matrix, size: number, pause: YieldOrCancel): Promise<number[][]> {
  const across = Float32Array.from(
    { length: size * size },
    (_, at) => data[Math.floor(at / size) * 2 * size + size + (at % size)]!,
  )
  const order = await bestAssignment(across, size, pause)
  return [...order].map((other, unit) => [unit, size + other])
}

/**
 * One of the two networks, so that the mean of both is the zipped network: rows are shares of what is put together, and
 * columns take a merged unit for each of its parts.
 * @param model 0 for the own network, 1 for the other
 */
export function zippedComponent(component: Component, zipped: readonly ZippedSpace[], model: 0 | 1): Component {
  const tensors = new Map(component.tensors)
  const uses = new Map<string, { place: UnitPlace; groups: number[][]; units: number }[]>()
  for (const { space, groups } of zipped)
    space.sets.forEach((places, set) => {
      for (const place of places) {
        const own = uses.get(place.tensor) ?? []
        uses.set(place.tensor, own)
        own.push({ place, groups: groups[set]!, units: space.units })
      }
    })
  for (const [name, own] of uses) {
    const view = tensors.get(name)!
    const [rows, columns] = ([0, 1] as const).map((axis) => {
      const onAxis = own.filter(({ place }) => place.axis === axis)
      return onAxis.length === 0 ? null : combinationOf(view.shape[axis]!, onAxis, model)
    })
    const stored = combinedTensor(view, { rows: rows!, columns: columns! })
    tensors.set(name, { name, shape: view.shape, stored, start: 0, transposed: false })
  }
  return { ...component, tensors }
}

/** What of a model's axis each place of the zipped network's is; places of no unit stay. */
function combinationOf(
  length: number,
  uses: readonly { place: UnitPlace; groups: number[][]; units: number }[],
  model: 0 | 1,
): Combination {
  const parts = Array.from({ length }, (_, place) => [{ source: place, share: 1 }])
  for (const { place, groups, units } of uses)
    groups.forEach((group, merged) => {
      const own = group.filter((unit) => Math.floor(unit / units) === model)
      // Twice the share, since the two networks are averaged.
      const share = place.axis === 0 ? 2 * groupShare(group.length) : 1
      parts[place.first + merged] = own.map((unit) => ({ source: place.first + (unit % units), share }))
    })
  const starts = new Int32Array(length + 1)
  parts.forEach((part, place) => (starts[place + 1] = starts[place]! + part.length))
  const all = parts.flat()
  return {
    starts,
    sources: Int32Array.from(all, ({ source }) => source),
    shares: Float64Array.from(all, ({ share }) => share),
  }
}
