import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { spreadTimesteps } from '../../../../src-main/engine/calibrate/sources'

const SEED = fc.nat(1_000_000)

describe('timesteps of a calibration', () => {
  it('are one in each of ten equal stretches of the range, and the same for a seed', () => {
    const range = fc
      .tuple(fc.nat(999), fc.integer({ min: 1, max: 1000 }))
      .filter(([minTimestep, maxTimestep]) => minTimestep < maxTimestep)
    fc.assert(
      fc.property(SEED, range, (seed, [minTimestep, maxTimestep]) => {
        const options = { seed, trainTimesteps: 1000, range: { minTimestep, maxTimestep } }
        const timesteps = spreadTimesteps(options)
        const stretch = (maxTimestep - minTimestep) / 10
        timesteps.forEach((timestep, i) => {
          expect(Number.isInteger(timestep)).toBe(true)
          expect(timestep).toBeGreaterThanOrEqual(Math.floor(minTimestep + i * stretch))
          expect(timestep).toBeLessThan(minTimestep + (i + 1) * stretch)
        })
        expect(timesteps).toHaveLength(10)
        expect(spreadTimesteps(options)).toEqual(timesteps)
      }),
    )
  })

  it('are of the whole training where no range is given', () => {
    fc.assert(
      fc.property(SEED, fc.integer({ min: 1, max: 2000 }), (seed, trainTimesteps) => {
        const all = { minTimestep: 0, maxTimestep: null }
        const ends = { minTimestep: 0, maxTimestep: trainTimesteps }
        const timesteps = spreadTimesteps({ seed, trainTimesteps })
        expect(spreadTimesteps({ seed, trainTimesteps, range: all })).toEqual(timesteps)
        expect(spreadTimesteps({ seed, trainTimesteps, range: ends })).toEqual(timesteps)
      }),
    )
  })

  it.each([
    [500, 500],
    [600, 500],
    [0, 1001],
    [1000, null],
  ])('from %s to %s are refused, with what the model was trained with', (minTimestep, maxTimestep) => {
    const spread = () => spreadTimesteps({ seed: 0, trainTimesteps: 1000, range: { minTimestep, maxTimestep } })
    expect(spread).toThrow(
      expect.objectContaining({ kind: 'validation', hint: expect.stringContaining('trained with 1000') }),
    )
  })
})
