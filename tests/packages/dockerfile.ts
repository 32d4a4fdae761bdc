import { readFileSync } from 'node:fs'

/** One instruction, its continued lines joined: `COPY`, `--from=build /a /b`. */
export interface Instruction {
  name: string
  text: string
}

/** What one FROM begins. */
export interface Stage {
  image: string
  name: string | undefined
  instructions: Instruction[]
}

/** The stages of a Dockerfile. @throws Error for what is no instruction, or comes before the first FROM */
export function readDockerfile(path: string): Stage[] {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
  const stages: Stage[] = []
  for (const line of lines
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')) {
    const [, name, text] = /^([A-Z]+) (.+)$/.exec(line) ?? []
    if (name === undefined || text === undefined) throw new Error(`${path}: no instruction: ${line}`)
    if (name === 'FROM') stages.push({ ...fromOf(text), instructions: [] })
    else if (stages.length === 0) throw new Error(`${path}: ${name} before FROM`)
    else stages.at(-1)!.instructions.push({ name, text })
  }
  return stages
}

function fromOf(text: string): Pick<Stage, 'image' | 'name'> {
  const [image, as, name] = text.split(/\s+/)
  if (as !== undefined && as !== 'AS') throw new Error(`FROM ${text}`)
  return { image: image!, name }
}

/** The arguments of an instruction of a kind in its list form; the last one counts. */
export function listOf(stage: Stage, name: string): string[] {
  const text = stage.instructions.findLast((instruction) => instruction.name === name)?.text ?? ''
  return JSON.parse(text.slice(text.indexOf('['))) as string[]
}
