import type { Normaliser } from '../../../contract/document/project'

/** One base row's sums over rows j of one or more models, before they are divided by σ_i (fusion-graph.ts). */
export interface RowSums {
  /** Σ_j |P_ij| P_ij σ_j = σ_i Σ_j C_ij */
  signed: number
  /** Σ_j P_ij² σ_j = σ_i Σ_j |C_ij| */
  absolute: number
  /** Σ_j |P_ij|³ σ_j² = σ_i² Σ_j C_ij S_ij */
  aligned: number
}

/** Z_i of a base row (method.md, 'Normalisation and merge'): what its merged row is divided by. */
export function normaliserOf(normaliser: Normaliser, { signed, absolute, aligned }: RowSums, sigma: number): number {
  switch (normaliser) {
    case 'paper':
      return signed / sigma
    case 'aligned':
      return aligned / (sigma * sigma)
    case 'abs':
      return absolute / sigma
  }
}
