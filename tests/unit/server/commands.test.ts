import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDispatch } from '../../../src-main/app/dispatch'
import { COMMANDS, type CommandName } from '../../../src-main/contract/protocol/commands'
import type { Reply, ServerMessage } from '../../../src-main/contract/protocol/wire'
import { answerIpc, type Sender } from '../../../src-main/desktop/ipc'
import { Inbox, TestServer } from './server'

type ReplyMessage = Extract<ServerMessage, { type: 'reply' }>

const NAMES = Object.keys(COMMANDS) as CommandName[]
const RUNS = 12

let server: TestServer

beforeAll(async () => {
  server = await TestServer.start()
})
afterAll(() => server.close())

/** Anything JSON can say that the command does not take: arbitrary values, and wrong values under the right keys. */
function garbage(name: CommandName): fc.Arbitrary<unknown> {
  const { input } = COMMANDS[name]
  const keys = Object.keys('shape' in input ? (input.shape as object) : {})
  const wrong = fc.dictionary(fc.constantFrom(...keys, 'other', '__proto__'), fc.jsonValue(), { maxKeys: 4 })
  return fc
    .oneof(fc.jsonValue(), wrong)
    .map((value) => JSON.parse(JSON.stringify(value)) as unknown)
    .filter((value) => !input.safeParse(value).success)
}

const refused = (reply: Reply): void => {
  expect(reply).toMatchObject({ ok: false, error: { kind: 'validation', message: expect.any(String) } })
}

/** A window's own page, as Electron would tell. */
const ownPage = { senderFrame: { parent: null, origin: 'featurefusion://studio' } } as unknown as Sender

describe.each(NAMES)('%s refuses garbage', (name) => {
  it('over HTTP', () =>
    fc.assert(
      fc.asyncProperty(garbage(name), async (input) => refused(await server.command(name, input))),
      { numRuns: RUNS },
    ))

  it('over IPC', () => {
    const dispatch = createDispatch(server.running.studio)
    return fc.assert(
      fc.asyncProperty(garbage(name), async (input) => refused(await answerIpc(dispatch, ownPage, name, input))),
      { numRuns: RUNS },
    )
  })
})

describe('the WebSocket', () => {
  it('refuses garbage for every command, and answers what is well said', async () => {
    const socket = server.socket('0')
    const inbox = new Inbox(socket)
    await new Promise((resolve) => socket.on('open', resolve))
    let id = 0
    const ask = async (message: (id: number) => unknown): Promise<Reply> => {
      const own = id++
      socket.send(JSON.stringify(message(own)))
      return (await inbox.until((found): found is ReplyMessage => found.type === 'reply' && found.id === own)).reply
    }
    for (const name of NAMES) {
      await fc.assert(
        fc.asyncProperty(garbage(name), async (input) =>
          refused(await ask((own) => ({ id: own, command: name, input }))),
        ),
        { numRuns: RUNS },
      )
    }
    expect(await ask((own) => ({ id: own, command: 'settings.get', input: {} }))).toMatchObject({ ok: true })
    refused(await ask((own) => ({ id: own, command: 'toString', input: {} })))
    for (const raw of ['', '{', '[]', '{"id":-1,"command":"app.snapshot","input":{}}', '\u0000']) socket.send(raw)
    const replies = () => inbox.messages.filter((message) => message.type === 'reply' && message.id === null)
    await expect.poll(() => replies().length).toBe(5)
    for (const message of replies()) if (message.type === 'reply') refused(message.reply)
    socket.close()
  })
})

describe('commands that there are not', () => {
  it.each(['nothing', '__proto__', 'constructor', '', 'app.snapshot/x', 'app%2esnapshot%00'])('%j', async (name) => {
    refused(await server.command(name, {}))
    refused(await answerIpc(createDispatch(server.running.studio), ownPage, name, {}))
  })

  it('answers bodies that are no JSON', async () => {
    const headers = { cookie: server.cookie, 'content-type': 'application/json' }
    for (const body of ['', '{', '\ufeff{}', 'undefined']) {
      const answer = await server.send('/api/app.snapshot', { method: 'POST', headers, body })
      expect(answer.status).toBe(400)
      refused(JSON.parse(answer.text) as Reply)
    }
  })
})

describe('the IPC wrapper', () => {
  it.each([
    null,
    { parent: null, origin: 'https://evil.example' },
    { parent: null, origin: 'featurefusion://other' },
    { parent: null, origin: 'null' },
    { parent: {}, origin: 'featurefusion://studio' },
  ])('refuses a sender that is not the own main frame: %j', async (senderFrame) => {
    const dispatch = createDispatch(server.running.studio)
    refused(await answerIpc(dispatch, { senderFrame } as unknown as Sender, 'settings.get', {}))
    expect(await answerIpc(dispatch, ownPage, 'settings.get', {})).toMatchObject({ ok: true })
  })
})
