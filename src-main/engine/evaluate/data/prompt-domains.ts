import { basename, extname } from 'node:path'
import { FusionError } from '../../../contract/errors'
import { checkPrompt } from '../../../contract/values/prompt'
import { readSmallText } from '../../files/reading/regular-file'
import { SMALL_FILES } from '../../files/reading/small-files'
import type { ChosenDomain } from './splits'

/** Prompts of one domain, each once. */
export interface PromptDomain {
  name: string
  prompts: readonly string[]
}

const HEADING = /^\[(.+)\]$/

/** The captions of pictures as prompts. @param most of each domain */
export function captionsOf(chosen: readonly ChosenDomain[], most = Infinity): PromptDomain[] {
  return chosen.map(({ name, pictures }) => ({
    name,
    prompts: [...new Set(pictures.map(({ picture }) => picture.caption))].slice(0, most),
  }))
}

/** Prompts in a text, one a line. @throws FusionError 'validation' for one that is too long */
export function promptsIn(text: string): string[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim())
  lines.forEach((line, index) => checkPrompt(line, `The prompt in line ${index + 1}`))
  return lines.filter((line) => line !== '')
}

/**
 * Prompts by domain in a text: a line `[name]` begins a domain, every other line is a prompt; those before the first such
 * line are of a domain that is named like the file.
 * @throws FusionError 'validation' for a prompt that is too long
 */
export function promptDomainsIn(text: string, fileName: string): PromptDomain[] {
  const domains = new Map<string, Set<string>>()
  let name = fileName
  for (const line of promptsIn(text)) {
    const heading = HEADING.exec(line)
    if (heading) name = heading[1]!.trim()
    else domains.set(name, (domains.get(name) ?? new Set()).add(line))
  }
  return [...domains].map(([domain, prompts]) => ({ name: domain, prompts: [...prompts] }))
}

/**
 * A file of prompts by domain. @param most of each domain
 * @throws FusionError 'not-found', 'unreadable'; 'validation' where it has none, or one that is too long
 */
export async function readPromptDomains(path: string, most = Infinity): Promise<PromptDomain[]> {
  const domains = promptDomainsIn(await readSmallText(path, SMALL_FILES.prompts), basename(path, extname(path)))
  if (domains.length === 0)
    throw new FusionError('validation', `${path} has no prompts.`, {
      hint: 'Write one a line; a line [name] begins a domain.',
    })
  return domains.map(({ name, prompts }) => ({ name, prompts: prompts.slice(0, most) }))
}

/** The prompts that models draw to be scored: of a file where one is named, else captions. @throws as readPromptDomains */
export function promptsFor(
  chosen: readonly ChosenDomain[],
  { promptFile, prompts }: { promptFile: string | null; prompts?: number | undefined },
): Promise<PromptDomain[]> {
  return promptFile === null ? Promise.resolve(captionsOf(chosen, prompts)) : readPromptDomains(promptFile, prompts)
}
