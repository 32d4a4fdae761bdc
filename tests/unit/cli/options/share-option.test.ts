import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { shareOf } from '../../../../src-main/cli/options/share-option'

it('takes a share from the option, or from the variables of a job array', () => {
  expect(shareOf('2/8', {})).toEqual({ index: 2, count: 8 })
  expect(shareOf('8', { SLURM_ARRAY_TASK_ID: '3', SLURM_ARRAY_TASK_MIN: '1' })).toEqual({ index: 3, count: 8 })
  expect(shareOf('8', { SLURM_ARRAY_TASK_ID: '0', SLURM_ARRAY_TASK_MIN: '0' })).toEqual({ index: 1, count: 8 })
  expect(shareOf('8', { JOB_COMPLETION_INDEX: '7' })).toEqual({ index: 8, count: 8 })
  const array = { SLURM_ARRAY_TASK_ID: '12', SLURM_ARRAY_TASK_MIN: '10', SLURM_ARRAY_TASK_COUNT: '4' }
  expect(shareOf(undefined, array)).toEqual({ index: 3, count: 4 })
  expect(shareOf('1/2', array)).toEqual({ index: 1, count: 2 })
})

it.each([
  ['0/2', {}],
  ['3/2', {}],
  ['1/', {}],
  ['/2', {}],
  ['1/2/3', {}],
  ['x', { JOB_COMPLETION_INDEX: '0' }],
  ['-1/2', {}],
  ['1.5/2', {}],
  ['1/100000', {}],
  ['4', {}],
  ['4', { JOB_COMPLETION_INDEX: '4' }],
  [undefined, {}],
  [undefined, { SLURM_ARRAY_TASK_ID: '1' }],
  [undefined, { SLURM_ARRAY_TASK_ID: '3', SLURM_ARRAY_TASK_MIN: '3', SLURM_ARRAY_TASK_COUNT: '1' }],
  ['8', { SLURM_ARRAY_TASK_ID: '3', SLURM_ARRAY_TASK_MIN: '3', SLURM_ARRAY_TASK_COUNT: '1' }],
  ['8', { SLURM_ARRAY_TASK_ID: '5', SLURM_ARRAY_TASK_MIN: '3', SLURM_ARRAY_TASK_COUNT: '2' }],
])('refuses %s with %o', (option, env) => {
  expect(() => shareOf(option, env)).toThrow(/share/)
})

it('every Slurm script of the guide does the same share when one of its tasks is sent again alone', () => {
  const scripts = readFileSync('docs/cluster.md', 'utf8').match(/#SBATCH --array=1-8\n[^`]*/g)!
  expect(scripts.length).toBeGreaterThan(1)
  for (const script of scripts) {
    const option = / --share(?: "([^"]*)")?/.exec(script)?.[1]?.replace('$SLURM_ARRAY_TASK_ID', '3')
    const alone = { SLURM_ARRAY_TASK_ID: '3', SLURM_ARRAY_TASK_MIN: '3', SLURM_ARRAY_TASK_COUNT: '1' }
    expect(shareOf(option, alone), script).toEqual({ index: 3, count: 8 })
    expect(shareOf(option, { ...alone, SLURM_ARRAY_TASK_MIN: '1', SLURM_ARRAY_TASK_COUNT: '8' })).toEqual({
      index: 3,
      count: 8,
    })
  }
})
