import fc from 'fast-check'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { readExtraModelPaths } from '../../../../src-main/engine/library/extra-model-paths'
import { putText, temporaryFolder } from './library-trees'

afterEach(() => vi.unstubAllEnvs())

async function read(text: string): Promise<string[]> {
  const folder = temporaryFolder()
  const found = await readExtraModelPaths(putText(folder, 'extra_model_paths.yaml', text))
  return found.map((path) => path.replace(folder, 'YAML'))
}

const absolute = (path: string): string => resolve('/', path)

describe('extra_model_paths.yaml', () => {
  it('names folders below base_path, below its own folder without one, or absolute ones', async () => {
    const text = `
one:
  base_path: ${absolute('data/ai')}
  checkpoints: models/checkpoints/
two:
  checkpoints: own
  loras: ${absolute('far/loras')}
three:
  base_path: here
  vae: vae
`
    expect(await read(text)).toEqual([
      join(absolute('data/ai'), 'models', 'checkpoints'),
      join('YAML', 'own'),
      absolute('far/loras'),
      join('YAML', 'here', 'vae'),
    ])
  })

  it.each<[string, string]>([
    ['a block', 'loras: |\n    a\n    b\n'],
    ['a block without its last line break', 'loras: |-\n    a\n    b\n'],
    ['a block with empty lines', 'loras: |\n    a\n\n    b\n\n'],
    ['a quoted text', 'loras: "a\\nb"\n'],
  ])('has several folders in %s', async (_, lines) => {
    expect(await read(`section:\n  ${lines}`)).toEqual([join('YAML', 'a'), join('YAML', 'b')])
  })

  it('puts sections with is_default first, in all of the words of YAML 1.1', async () => {
    for (const word of ['true', 'True', 'yes', 'on']) {
      const text = `a:\n  checkpoints: a\nb:\n  is_default: ${word}\n  checkpoints: b\n`
      expect(await read(text), word).toEqual([join('YAML', 'b'), join('YAML', 'a')])
    }
    const text = 'a:\n  checkpoints: a\nb:\n  is_default: no\n  checkpoints: b\n'
    expect(await read(text)).toEqual([join('YAML', 'a'), join('YAML', 'b')])
  })

  it('knows ~ and variables in base_path', async () => {
    vi.stubEnv('AI_MODELS', absolute('env/models'))
    const of = (base: string): Promise<string[]> => read(`a:\n  base_path: ${base}\n  checkpoints: c\n`)
    expect(await of('~/ai')).toEqual([join(homedir(), 'ai', 'c')])
    expect(await of('"~"')).toEqual([join(homedir(), 'c')])
    expect(await of('~user/ai')).toEqual([join('YAML', '~user', 'ai', 'c')])
    expect(await of('$AI_MODELS/x')).toEqual([join(absolute('env/models'), 'x', 'c')])
    expect(await of('"${AI_MODELS}"')).toEqual([join(absolute('env/models'), 'c')])
    expect(await of('"$NO_SUCH_VARIABLE_HERE/x"')).toEqual([join('YAML', '$NO_SUCH_VARIABLE_HERE', 'x', 'c')])
  })

  it.each([
    '',
    '# only\n',
    'a:\n',
    'a: text\n',
    'a:\n  checkpoints:\n',
    'a:\n  checkpoints: [x]\n',
    'a:\n  custom_nodes: x\n',
  ])('names none where it has none: %j', async (text) => expect(await read(text)).toEqual([]))

  it.each(['a: [', '- a\n- b\n', 'text', 'a: 1\na: 2\n', '\tb: 1', '{'])(
    'is refused where it is damaged: %j',
    async (text) => {
      await expect(read(text)).rejects.toMatchObject({ kind: 'malformed' })
    },
  )

  it('is refused where its aliases would fill memory', async () => {
    const levels = Array.from(
      { length: 30 },
      (_, at) => `a${at}: &a${at} [${at ? `*a${at - 1}, *a${at - 1}, *a${at - 1}` : 'x'}]`,
    )
    await expect(read(levels.join('\n'))).rejects.toMatchObject({ kind: 'malformed' })
  })

  it('gives every folder back that is written as a block, a plain or a quoted text', async () => {
    const name = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9_ .-]{0,12}[a-zA-Z0-9_]$/)
    const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
    const paths = fc.uniqueArray(path, { minLength: 1, maxLength: 4, selector: (one) => resolve('/', one) })
    await fc.assert(
      fc.asyncProperty(
        paths,
        fc.boolean(),
        fc.constantFrom('checkpoints', 'loras', 'vae'),
        async (all, quoted, key) => {
          const value = quoted ? JSON.stringify(all.join('\n')) : `|\n${all.map((one) => `    ${one}\n`).join('')}`
          expect(await read(`section:\n  ${key}: ${value}\n`)).toEqual(all.map((one) => join('YAML', one)))
        },
      ),
      { numRuns: 60 },
    )
  })

  it('never throws anything but words, whatever is in it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 200 }), async (text) => {
        const found = await read(text).catch((error: unknown) => error)
        if (!Array.isArray(found)) expect(found).toMatchObject({ name: 'FusionError' })
      }),
      { numRuns: 100 },
    )
  })
})
