import type { KernelBuffer, Kernels } from '../tensor/kernels'
import type { FormName, FormSettings } from './settings'

/** The weight that is changed, as the matrix [rows, rowLength]: a convolution's row is [inputs, kernel]. */
export interface WeightShape {
  shape: readonly number[]
  rows: number
  rowLength: number
  inputs: number
  /** Positions of the kernel; 1 for a matrix. */
  kernel: number
}

/** The shape of a factor; undefined where the module has none of that name. */
export type FactorShapes = (name: string) => readonly number[] | undefined

/** The tensors of one module of an adapter, decoded to float32. */
export interface Factors {
  shape: FactorShapes
  /** A whole factor. */
  whole(name: string): Float32Array
  /** `count` elements of a factor from `start` on. */
  part(name: string, start: number, count: number): Float32Array
}

/** Some rows of the weight as float32, in the memory of kernels. */
export interface RowBlock {
  kernels: Kernels
  values: KernelBuffer
  firstRow: number
  rows: number
}

/** Reads rows of the weight as they were before the change; takes back the memory of all blocks before. */
export type LoadRows = (firstRow: number, rows: number) => RowBlock

/** Turns rows of the weight into rows of the changed weight, in place. */
export interface RowChange {
  /** Rows that depend on one another: blocks begin and end at multiples of it. */
  rowsTogether: number
  change(block: RowBlock): void
}

/** Adds factor · D to rows that hold W, for forms whose change is a sum W + D. */
export type AddDelta = (block: RowBlock, factor: number) => void

/** A product of two matrices: left [rows, rank] · right [rank, rowLength]. */
export interface FactorProduct {
  left: Float32Array | Float64Array
  right: Float32Array | Float64Array
  rank: number
}

/** One way in which adapters change a weight (formulas: tests/golden/adapters/README.md). */
export interface AdapterForm {
  name: FormName
  /** In words, with its article. */
  title: string
  /** Every factor that it knows. */
  factors: readonly string[]
  /** Whether a module with these factors has this form. */
  is(shape: FactorShapes): boolean
  /** Why the factors do not fit the weight; undefined where they do. */
  misfit(weight: WeightShape, shape: FactorShapes, settings: FormSettings): string | undefined
  /** The rank by which alpha is divided; null where alpha is none of a scale. */
  rank(shape: FactorShapes): number | null
  /** D, without scale and magnitudes, as a product of two matrices; absent for forms that never are one. */
  lowRank?: {
    /** The rank of the product; null where the factors make no matrix of a lower rank than others of its size. */
    rank(weight: WeightShape, shape: FactorShapes): number | null
    product(weight: WeightShape, factors: Factors): FactorProduct
  }
  /** @param load for forms that need more than the rows asked for; called while no block is in use */
  rowChange(weight: WeightShape, factors: Factors, settings: FormSettings, load: LoadRows): RowChange
}

/** Rows of about this many elements are computed at a time. */
export const BLOCK_ELEMENTS = 262_144
