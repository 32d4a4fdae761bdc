import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { printedAddress } from '../serve-client'
import { listOf, readDockerfile } from './dockerfile'

// Docker's daemon cannot be had everywhere: what the file says is checked, and its commands run without a container.
const [build, run] = readDockerfile('Dockerfile')
const ignored = readFileSync('.dockerignore', 'utf8').split('\n')
const texts = (name: string, stage = run!): string[] =>
  stage.instructions.filter((instruction) => instruction.name === name).map(({ text }) => text)

it('is made in two stages, of images of one version', () => {
  expect(readDockerfile('Dockerfile')).toHaveLength(2)
  for (const { image } of [build!, run!]) expect(image).toMatch(/:\d[\w.-]+$/)
})

it('copies what is there, from stages that are there', () => {
  for (const text of texts('COPY')) {
    const [from, ...paths] = text.split(' ')
    expect(from).toBe(`--from=${build!.name}`)
    for (const path of paths.slice(0, -1)) {
      const [, own] = /^\/app\/(.+)$/.exec(path) ?? []
      // out/ and node_modules are made in the first stage.
      if (own !== undefined) expect([...ignored, '!out', '!node_modules']).toContain(`!${own}`)
    }
  }
})

it('sees only what it is built of, and all of that', () => {
  expect(ignored.find((line) => !line.startsWith('#'))).toBe('*')
  const kept = ignored.filter((line) => line.startsWith('!') && !line.includes('*')).map((line) => line.slice(1))
  for (const path of kept) expect(existsSync(path), path).toBe(true)
  for (const script of texts('RUN', build)
    .join('\n')
    .match(/scripts\/[\w-]+\.mjs/g)!) {
    expect(existsSync(script), script).toBe(true)
  }
})

it('fetches nothing when it runs, and is no administrator then', () => {
  expect(texts('RUN').join('\n')).not.toMatch(/npm|curl|wget|apt/)
  const order = run!.instructions.map(({ name }) => name)
  expect(texts('USER')).toEqual([expect.stringMatching(/^[1-9]\d*:[1-9]\d*$/)])
  expect(order.indexOf('USER')).toBeLessThan(order.indexOf('ENTRYPOINT'))
  const [user] = texts('USER')[0]!.split(':')
  const own = new RegExp(`install -d -o ${user} -g ${user} (.*) &&`).exec(texts('RUN').join('\n'))![1]!.split(' ')
  expect(listOf(run!, 'VOLUME').sort()).toEqual(own.sort())
  expect(own).not.toContain('/models')
})

it('serves with its own command, and its health check tells whether it does', async () => {
  const work = mkdtempSync(join(tmpdir(), 'container-'))
  const port = '8080'
  const here = (text: string): string => text.replace('/app/', '').replace(/^\/(models|work)$/, work)
  const [node, ...entry] = listOf(run!, 'ENTRYPOINT')
  const [healthNode, ...health] = listOf(run!, 'HEALTHCHECK')
  expect([node, healthNode]).toEqual(['node', 'node'])
  // Any free port: another one may be taken here.
  const command = [...entry, ...listOf(run!, 'CMD')].map(here).map((text) => (text === port ? '0' : text))
  const env = { ...process.env, FEATUREFUSION_DATA: join(work, 'data'), FEATUREFUSION_CACHE: join(work, 'cache') }
  const server = spawn(process.execPath, command, { env, stdio: ['ignore', 'pipe', 'ignore'] })
  try {
    const url = await printedAddress(server)
    const isHealthy = (): boolean =>
      spawnSync(
        process.execPath,
        health.map((text) => text.replace(port, url.port)),
      ).status === 0
    expect(isHealthy()).toBe(true)
    server.kill('SIGTERM')
    expect(await once(server, 'exit')).toEqual([0, null])
    expect(isHealthy()).toBe(false)
  } finally {
    server.kill('SIGKILL')
    rmSync(work, { recursive: true, force: true })
  }
})
