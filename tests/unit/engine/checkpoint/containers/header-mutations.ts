/** Headers of safetensors files, some valid, most with the faults that parsers differ in. Seeded, so that a failure repeats. */

export type Random = () => number

/** mulberry32: uniform in [0, 1). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const pick = <T>(random: Random, values: readonly T[]): T => values[Math.floor(random() * values.length)] as T

const BITS: Record<string, number> = {
  F32: 32, F16: 16, BF16: 16, I64: 64, BOOL: 8, U8: 8, F8_E4M3: 8, F8_E5M2: 8, C64: 64, F4: 4, F6_E2M3: 6, F6_E3M2: 6,
  F8_E8M0: 8, F64: 64, I8: 8, I16: 16, U16: 16, I32: 32, U32: 32, U64: 64, F8_E4M3FNUZ: 8, F8_E5M2FNUZ: 8,
} // prettier-ignore

const ODD_VALUES = [
  '0', '-0', '-1', '1.0', '1e2', '01', '+1', '.5', '1.', '0x10', '18446744073709551615', '18446744073709551616',
  '9007199254740993', '1e400', '-1e400', '0e999', '1e-999', 'null', 'true', 'false', 'nul', '"x"', '""', '[]', '{}',
  '[1,]', '[,1]', '{"a":1,}', '{"a" 1}', '"\\u0000"', '"\\ud800"', '"\\udc00"', '"\\ud800\\udc00"', '"\\ud800\\u0041"',
  '"\\x"', '"\u0001"', '"\\u12g4"', "'a'", 'NaN', 'Infinity', '{"a":1,"a":2}', '"\t"', '"\\/"', '//x', '123456789012345678901234567890',
  '{"F32":null}', '{"F32":[]}', '{"F32":{}}', '{"F32":null,"F16":null}', '["F32"]', '"f32"', '"F32 "', '0.0', '-5', '[0,4]', '[0,4,8]', '[0]',
] // prettier-ignore

const SPACES = ['', '', '', '', ' ', '\n', '\t', '\r', '\f', '\v', '\u00a0', '\ufeff', '  ']
const NAMES = [
  'a',
  'b',
  'weight',
  'é',
  '\\u0061',
  '__metadata__',
  '',
  '__proto__',
  'constructor',
  '1',
  '\\ud83d\\ude00',
  '😀',
]

function nested(random: Random): string {
  const depth = pick(random, [3, 120, 123, 124, 125, 126, 127, 128, 129, 130, 500])
  return random() < 0.5 ? '['.repeat(depth) + ']'.repeat(depth) : '{"a":'.repeat(depth) + '1' + '}'.repeat(depth)
}

interface Draft {
  json: string
  dataLength: number
}

function draft(random: Random, faults: number): Draft {
  const fault = () => random() < faults
  const space = () => (fault() ? pick(random, SPACES) : '')
  const odd = () => (random() < 0.1 ? nested(random) : pick(random, ODD_VALUES))
  let position = 0
  const members: string[] = []
  if (random() < 0.4) {
    const values = ['{}', 'null', '{"format":"pt"}', '{"a":"b","a":"c"}', '{"a":1}', '{"a":null}', '[]', '"x"']
    members.push(`"__metadata__":${fault() ? pick(random, [...values, odd()]) : '{"format":"pt"}'}`)
  }
  const count = Math.floor(random() * 5)
  for (let i = 0; i < count; i++) {
    const dtype = fault() ? pick(random, Object.keys(BITS)) : pick(random, ['F32', 'F16', 'BF16', 'I64'])
    const rank = Math.floor(random() * 4)
    const shape = Array.from({ length: rank }, () =>
      fault() ? pick(random, [0, 0, 7, 2 ** 32]) : 1 + Math.floor(random() * 4),
    )
    const bits = shape.reduce((product, size) => product * size, 1) * (BITS[dtype] ?? 8)
    const begin = position
    const length = bits > 1e6 ? 16 : Math.ceil(bits / 8)
    const end = begin + length + (random() < faults / 2 ? pick(random, [1, -1, 4]) : 0)
    position = random() < faults / 3 ? begin : end
    const fields = [
      ['dtype', fault() && random() < 0.3 ? odd() : JSON.stringify(dtype)],
      [
        'shape',
        random() < faults / 4
          ? odd()
          : `[${shape.map((n) => (random() < faults / 6 ? odd() : n)).join(`${space()},`)}]`,
      ],
      ['data_offsets', random() < faults / 4 ? odd() : `[${begin},${random() < faults / 6 ? odd() : end}]`],
    ]
    if (random() < faults / 2)
      fields.splice(Math.floor(random() * 4), 0, [pick(random, ['extra', 'dtype', 'd', 'shape']), odd()])
    if (random() < faults / 8) fields.splice(Math.floor(random() * 3), 1)
    if (random() < 0.3) fields.sort(() => random() - 0.5)
    const name = fault() && random() < 0.3 ? pick(random, NAMES) : `t${i}`
    const asArray = random() < faults / 4
    const body = asArray
      ? `[${fields.map(([, value]) => value).join(',')}]`
      : `{${fields.map(([key, value]) => `${space()}"${key}"${space()}:${space()}${value}`).join(',')}}`
    members.push(`"${name}"${space()}:${space()}${body}`)
  }
  if (random() < faults / 6) members.push(members[Math.floor(random() * members.length)] ?? '')
  if (random() < faults / 6) members.push(`"odd":${odd()}`)
  if (random() < 0.3) members.sort(() => random() - 0.5)
  const json = `${space()}{${members.join(`${space()},${space()}`)}}${space()}${random() < faults / 10 ? odd() : ''}`
  return { json, dataLength: Math.max(0, position + (random() < faults / 4 ? pick(random, [1, -1, 8]) : 0)) }
}

/** A whole small safetensors file; the larger `faults` (0 … 1), the more is wrong with it. */
export function randomFile(random: Random, faults = pick(random, [0, 0.1, 0.3, 0.6])): Uint8Array {
  const { json, dataLength } = draft(random, faults)
  let header: Buffer = Buffer.from(json, 'utf8')
  if (random() < faults / 4) header = mutateBytes(random, header)
  const length = Buffer.alloc(8)
  const claimed =
    random() < faults / 8
      ? pick(random, [
          0n,
          1n,
          BigInt(header.length + 1),
          BigInt(header.length - 1 < 0 ? 0 : header.length - 1),
          100_000_001n,
          2n ** 63n,
          2n ** 64n - 1n,
        ])
      : BigInt(header.length)
  length.writeBigUInt64LE(claimed)
  const whole = Buffer.concat([length, header, Buffer.alloc(Math.min(dataLength, 1000))])
  return random() < faults / 20 ? whole.subarray(0, Math.floor(random() * whole.length)) : whole
}

function mutateBytes(random: Random, bytes: Buffer): Buffer {
  const result = Buffer.from(bytes)
  const at = Math.floor(random() * result.length)
  const sequences = [[0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xff], [0xe2, 0x82], [0x80], [0xc3, 0xa9], [0xef, 0xbb, 0xbf], [0xf0, 0x9f, 0x98, 0x80]] // prettier-ignore
  const choice = random()
  if (choice < 0.4 && result.length > 0) result[at] = Math.floor(random() * 256)
  else if (choice < 0.7)
    return Buffer.concat([result.subarray(0, at), Buffer.from(pick(random, sequences)), result.subarray(at)])
  else if (choice < 0.85) return Buffer.concat([result.subarray(0, at), result.subarray(at + 1)])
  else return result.subarray(0, at)
  return result
}
