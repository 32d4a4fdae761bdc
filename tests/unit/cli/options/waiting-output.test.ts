import { expect, it } from 'vitest'
import { WaitingWords } from '../../../../src-main/cli/output/waiting-output'

it('says what a share waits for once it takes long, once more with what to do, and new notes', () => {
  const said: string[] = []
  const notes: string[] = ['said before']
  const words = new WaitingWords({ notes }, (text) => said.push(text))
  const after = (seconds: number, index = 2, others = 0): string[] => {
    words.hear({ seconds, shares: [{ share: { index, count: 4 }, names: ['trial 7', 'trial 9'], others }] })
    return said.splice(0)
  }
  expect(after(1)).toEqual([])
  expect(after(31)).toEqual(['Waiting for share 2/4 (2 results).'])
  expect(after(500)).toEqual([])
  expect(after(601)).toEqual([expect.stringMatching(/^Nothing came for 10 minutes of share 2\/4.*start it again/)])
  expect(after(5000)).toEqual([])
  notes.push('a line is damaged')
  expect(after(2, 3)).toEqual(['Note: a line is damaged'])
  expect(after(40, 3)).toEqual(['Waiting for share 3/4 (2 results).'])
  for (const seconds of [0, 40, 700])
    expect(after(seconds, 3, 5)).toEqual(
      seconds === 0
        ? []
        : [expect.stringMatching(/The file of share 3\/4 has 5 results .* other .* devices or versions: .* --trials/)],
    )
})
