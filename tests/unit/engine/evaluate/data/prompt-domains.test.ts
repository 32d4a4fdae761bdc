import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { promptDomainsIn, readPromptDomains } from '../../../../../src-main/engine/evaluate/data/prompt-domains'
import { temporaryFolder } from '../../merge/models'

it('reads prompts by domain: a line in brackets begins one, each prompt counts once', () => {
  const text = 'a cat\r\n\n[food]\na cake\n a pie \na cake\n[ travel ]\n[food]\nsoup\n[empty]\n[a|b] in a park\n'
  expect(promptDomainsIn(text, 'mine')).toEqual([
    { name: 'mine', prompts: ['a cat'] },
    { name: 'food', prompts: ['a cake', 'a pie', 'soup'] },
    { name: 'empty', prompts: ['[a|b] in a park'] },
  ])
})

it('names a file by its name, takes the first prompts of each domain, and refuses a file without any', async () => {
  const folder = temporaryFolder()
  const file = join(folder, 'pets.txt')
  writeFileSync(file, '\uFEFFa cat\na dog\n')
  expect(await readPromptDomains(file, 1)).toEqual([{ name: 'pets', prompts: ['a cat'] }])
  writeFileSync(file, '[food]\n\n')
  await expect(readPromptDomains(file)).rejects.toMatchObject({ kind: 'validation' })
  await expect(readPromptDomains(join(folder, 'none.txt'))).rejects.toMatchObject({ kind: 'not-found' })
})
