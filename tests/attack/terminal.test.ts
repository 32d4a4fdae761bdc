import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { csv } from '../../src-main/contract/values/csv'
import { asName, nameSchema } from '../../src-main/contract/values/limits'
import { oneLine, printable, printableJson } from '../../src-main/contract/values/printable'
import { acceptedHosts, hostOf, servedAddress } from '../../src-main/server/addresses'
import { temporaryFolder } from '../unit/engine/merge/models'
import { TestServer } from '../unit/server/server'
import { CommandLine } from './support/command-line'
import { safetensors } from './support/files-read'

/** What a terminal acts on: an escape, C1's own, a bell, a return, marks that turn text round, a forged line. */
const HOSTILE = [
  '\x1b[2J\x1b]0;title\x07',
  '\x9b31m',
  '\r',
  '\b\b',
  '\x7f',
  '\u202egnp.exe',
  '\u2066a\u2069',
  'a\nError: b',
]
/** None of it may reach a terminal; a line break only where the program sets one. */
// eslint-disable-next-line no-control-regex
const ACTED_ON = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/

describe('a text for a terminal', () => {
  it.each(HOSTILE)('shows %j as what it is', (text) => {
    expect(oneLine(text)).not.toMatch(/[\n]|[\p{Cc}]/u)
    expect(printable(text)).not.toMatch(ACTED_ON)
    const value = { [text]: [text, '\\u{1b}'] }
    expect(printableJson(value)).not.toMatch(ACTED_ON)
    expect(JSON.parse(printableJson(value))).toEqual(value)
  })

  it('leaves the words of all languages as they are', () => {
    for (const text of ['Größe', '大小', 'גודל', 'حجم', '👩‍🎨', 'a\u0301']) expect(oneLine(text)).toBe(text)
  })
})

describe('names', () => {
  it.each(['a\nb', 'a\x1bb', '', 'a'.repeat(201), '\u2028'])('of models cannot be %j', (name) => {
    expect(nameSchema.safeParse(name).success).toBe(false)
    expect(nameSchema.safeParse(asName(name)).success).toBe(true)
  })
})

describe('the command line', () => {
  it('prints nothing that a terminal acts on, whatever the names are', async () => {
    const folder = temporaryFolder()
    const cli = new CommandLine(temporaryFolder())
    const hostile = HOSTILE.join('').replace('\r', '')
    const typed = hostile.replaceAll('\n', '')
    const name = '\x1b[31m\x9b\u202e\nError: b'
    const model = join(folder, `${name}.safetensors`)
    writeFileSync(model, safetensors({ [hostile]: [2, 2] }, { 'modelspec.title': hostile, [hostile]: hostile }))
    const data = join(folder, 'data')
    mkdirSync(join(data, name), { recursive: true })
    writeFileSync(join(data, name, `${name}.png`), 'no picture')
    const project = join(folder, `${name}.fusion.json`)
    writeFileSync(project, JSON.stringify({ format: hostile, models: [{ name: hostile }] }))
    const commands = [
      ['open', model],
      ['verify', model],
      ['merge', '--base', model, '--specialist', `${name}=${model}`, '--out', join(folder, 'out.safetensors')],
      ['merge', '--base', model, '--specialist', model, '--out', join(folder, 'out.safetensors')],
      ['merge', project, '--out', folder],
      ['merge', join(folder, hostile)],
      ['inspect', '--base', model, '--specialist', model],
      ['evaluate', '--model', model, '--data', data],
      ['generate', '--model', model, '--prompt', hostile, '--scheduler', hostile, '--out', folder],
      // What somebody types cannot deceive them: line breaks stay.
      ...[[typed], ['merge', `--${typed}`], ['open', model, '--threads', typed]],
    ]
    for (const args of commands)
      for (const json of [[], ['--json']]) {
        const { stdout, stderr, hung } = await cli.run([...args, ...json].filter((text) => !text.includes('\0')))
        expect(hung).toBe(false)
        expect(stdout + stderr, args.join(' ')).not.toMatch(ACTED_ON)
        expect(stdout + stderr, args.join(' ')).not.toMatch(/^Error: b/m)
        expect(stderr).not.toContain('    at ')
      }
  })
})

describe('CSV', () => {
  it.each(['=1+1', '+1+1', '-1+1', '@SUM(A1)', '\t=1', '=cmd|"/c calc"!A1'])('is text in a spreadsheet: %j', (text) => {
    expect(csv([[text]]).replace(/^"/, '')[0]).toBe("'")
  })

  it('keeps numbers, also negative ones', () => {
    expect(csv([['-1.5', '+3e-5', -2, 'a', '-']])).toBe("-1.5,+3e-5,-2,a,'-\r\n")
  })
})

describe('the address of serve', () => {
  it.each(['', ' ', '0.0.0.0', '::', '192.168.1.2', '10.0.0.1', 'fe80::1', 'example.com', '::ffff:10.0.0.1'])(
    '%j is refused in words',
    (address) => {
      expect(() => servedAddress(address)).toThrow(/not an address|Other machines/)
    },
  )

  it('may be one that other machines reach where somebody says so', () => {
    expect(servedAddress('0.0.0.0', true)).toMatchObject({ isPublic: true })
    for (const address of ['127.0.0.1', '127.1.2.3', '::1', 'localhost', '0:0:0:0:0:0:0:1'])
      expect(servedAddress(address)).toMatchObject({ isPublic: false })
    expect(() => servedAddress('', true)).toThrow('not an address')
  })

  it('is written as URLs have it', () => {
    expect(hostOf('::1', 8080)).toBe('[::1]:8080')
    expect(hostOf('0:0:0:0:0:0:0:1', 8080)).toBe('[::1]:8080')
    expect(hostOf('127.0.0.1', 80)).toBe('127.0.0.1')
    expect(acceptedHosts({ address: '127.0.0.1', isPublic: false }, 80)).toEqual(
      expect.arrayContaining(['127.0.0.1', '127.0.0.1:80', 'localhost', 'localhost:80']),
    )
    expect(acceptedHosts({ address: '0.0.0.0', isPublic: true }, 8080)).not.toContain('0.0.0.0:8080')
  })

  it('can be IPv6', async () => {
    const server = await TestServer.start({ address: '::1' }).catch(() => null)
    if (!server) return // this system has none
    try {
      expect(server.running.url).toMatch(/^http:\/\/\[::1\]:\d+\/\?token=/)
      const answer = await fetch(server.running.url, { redirect: 'manual' })
      expect(answer.status).toBe(303)
    } finally {
      await server.close()
    }
  })
})
