import { expect, it } from 'vitest'
import { temporaryFolder } from '../unit/engine/merge/models'
import { CommandLine } from './command-line'

it('runs the built command line', async () => {
  const cli = new CommandLine(temporaryFolder())
  expect(await cli.run(['--version'])).toMatchObject({ code: 0, hung: false })
})
