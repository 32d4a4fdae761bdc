import { FusionError } from '../../../../contract/errors'
import { wholeProgram } from './refusals'
import { ByteReader, decodeUtf8 } from './byte-reader'
import { booleanOrInteger, integerOf, quotedText, textFloat, textInteger, unescape } from './plain-values'
import { isAttack } from './program-names'
import {
  BuiltObject,
  GlobalName,
  PersistentId,
  PickleDict,
  PickleList,
  PickleSet,
  PickleTuple,
  type PickleValue,
} from './values'

/**
 * A tensor takes about 25 operations: these are 100,000 tensors. Every operation makes one small object at most, so this
 * also limits the memory that is taken.
 */
const MOST_OPERATIONS = 2_500_000
/** PyTorch leaves 5 open at most. */
const MOST_OPEN_MARKS = 1000
const MOST_NAME_CHARACTERS = 1000
const MOST_GLOBALS = 10_000
const LATEST_PROTOCOL = 5
const NONE = new PickleTuple([])

/** What a pickle says. */
export interface Interpretation {
  value: PickleValue
  /** First byte behind it. */
  end: number
  /** Of everything outside the pickle that it refers to, in its order. */
  persistentIds: readonly PersistentId[]
}

/**
 * Reads one pickle of any protocol (0 to 5) as data, by Python's pickletools.py. No operation calls anything; time and
 * memory grow with the number of its bytes alone, whatever lengths, counts and places it asks for.
 *
 * @param start where it begins in `bytes`
 * @param source how errors name the file
 * @throws PickleEndsEarly where more bytes are needed; FusionError 'malformed'; 'unsupported' for what a program that
 * runs pickles would run programs with
 */
export function interpretPickle(bytes: Uint8Array, start: number, source: string): Interpretation {
  return new Interpreter(new ByteReader(bytes, start, source)).run()
}

class Interpreter {
  private readonly stack: PickleValue[] = []
  /** Heights of the stack at every open MARK. */
  private readonly marks: number[] = []
  private readonly memo = new Map<number, PickleValue>()
  private readonly globals = new Map<string, GlobalName>()
  private readonly persistentIds: PersistentId[] = []

  constructor(private readonly reader: ByteReader) {}

  run(): Interpretation {
    for (let count = 0; count < MOST_OPERATIONS; count++) {
      const operation = this.reader.u8()
      if (operation === 0x2e) {
        return { value: this.pop(), end: this.reader.at, persistentIds: this.persistentIds }
      }
      this.run1(operation)
    }
    throw new FusionError('unsupported', `${this.reader.source} describes more than any model has.`, {
      detail: `Its pickle has more than ${MOST_OPERATIONS} operations.`,
    })
  }

  /** Numbers of operations are those of pickletools.py. */
  private run1(operation: number): void {
    const { reader, stack } = this
    switch (operation) {
      case 0x28: // MARK
        if (this.marks.length >= MOST_OPEN_MARKS) reader.fail('marks are nested too deeply')
        this.marks.push(stack.length)
        return
      case 0x30: // POP
        if (stack.length > this.bottom()) stack.pop()
        else this.popMark()
        return
      case 0x31: // POP_MARK
        this.popMark()
        return
      case 0x32: // DUP
        return this.push(this.top())
      case 0x80: // PROTO
        if (reader.u8() > LATEST_PROTOCOL) reader.fail('a protocol later than 5')
        return
      case 0x95: // FRAME
        if (reader.u64() > reader.bytes.byteLength) reader.fail('a frame longer than the file')
        return

      case 0x4e: // NONE
        return this.push(null)
      case 0x88: // NEWTRUE
        return this.push(true)
      case 0x89: // NEWFALSE
        return this.push(false)
      case 0x49: // INT
        return this.push(booleanOrInteger(reader))
      case 0x4c: // LONG
        return this.push(textInteger(reader, /L$/))
      case 0x4a: // BININT
        return this.push(reader.i32())
      case 0x4b: // BININT1
        return this.push(reader.u8())
      case 0x4d: // BININT2
        return this.push(reader.u16())
      case 0x8a: // LONG1
        return this.push(integerOf(reader, reader.u8()))
      case 0x8b: // LONG4
        return this.push(integerOf(reader, reader.i32()))
      case 0x46: // FLOAT
        return this.push(textFloat(reader))
      case 0x47: // BINFLOAT
        return this.push(reader.f64())

      case 0x53: // STRING
        return this.push(quotedText(reader))
      case 0x54: // BINSTRING
        return this.push(this.oldString(reader.take(this.count(reader.i32()))))
      case 0x55: // SHORT_BINSTRING
        return this.push(this.oldString(reader.take(reader.u8())))
      case 0x56: // UNICODE
        return this.push(unescape(reader.line()))
      case 0x58: // BINUNICODE
        return this.push(reader.text(reader.u32()))
      case 0x8c: // SHORT_BINUNICODE
        return this.push(reader.text(reader.u8()))
      case 0x8d: // BINUNICODE8
        return this.push(reader.text(reader.u64()))
      case 0x42: // BINBYTES
        return this.push(reader.take(reader.u32()))
      case 0x43: // SHORT_BINBYTES
        return this.push(reader.take(reader.u8()))
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        return this.push(reader.take(reader.u64()))

      case 0x29: // EMPTY_TUPLE
        return this.push(NONE)
      case 0x74: // TUPLE
        return this.push(new PickleTuple(this.popMark()))
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return this.push(new PickleTuple(this.popMany(operation - 0x84)))
      case 0x5d: // EMPTY_LIST
        return this.push(new PickleList())
      case 0x6c: // LIST
        return this.push(this.append(new PickleList(), this.popMark()))
      case 0x61: // APPEND
        return this.appendTo(this.popMany(1))
      case 0x65: // APPENDS
        return this.appendTo(this.popMark())
      case 0x7d: // EMPTY_DICT
        return this.push(new PickleDict())
      case 0x64: // DICT
        return this.push(this.setAll(new PickleDict(), this.popMark()))
      case 0x73: // SETITEM
        return this.setItems(this.popMany(2))
      case 0x75: // SETITEMS
        return this.setItems(this.popMark())
      case 0x8f: // EMPTY_SET
        return this.push(new PickleSet())
      case 0x90: // ADDITEMS
        return this.addTo(this.popMark())
      case 0x91: // FROZENSET
        return this.push(this.append(new PickleSet(), this.popMark()))

      case 0x67: // GET
        return this.get(Number(textInteger(reader)))
      case 0x68: // BINGET
        return this.get(reader.u8())
      case 0x6a: // LONG_BINGET
        return this.get(reader.u32())
      case 0x70: // PUT
        return this.put(Number(textInteger(reader)))
      case 0x71: // BINPUT
        return this.put(reader.u8())
      case 0x72: // LONG_BINPUT
        return this.put(reader.u32())
      case 0x94: // MEMOIZE
        return this.put(this.memo.size)

      case 0x63: // GLOBAL
        return this.push(this.global(reader.line(), reader.line()))
      case 0x93: // STACK_GLOBAL
        return this.push(this.global(...(this.popMany(2) as [PickleValue, PickleValue])))
      case 0x52: // REDUCE
      case 0x81: {
        // NEWOBJ
        const [maker, args] = this.popMany(2)
        return this.push(this.build(maker, args))
      }
      case 0x92: {
        // NEWOBJ_EX
        const [maker, args] = this.popMany(3)
        return this.push(this.build(maker, args))
      }
      case 0x69: {
        // INST
        const maker = this.global(reader.line(), reader.line())
        return this.push(new BuiltObject(maker, this.popMark()))
      }
      case 0x6f: {
        // OBJ
        const [maker, ...args] = this.popMark()
        return this.push(this.build(maker, new PickleTuple(args)))
      }
      case 0x62: {
        // BUILD
        const [state] = this.popMany(1)
        const object = this.top()
        if (!(object instanceof BuiltObject)) return reader.fail('state for what is no object')
        object.state = state
        return
      }
      case 0x50: // PERSID
        return this.pushPersistent(reader.line())
      case 0x51: // BINPERSID
        return this.pushPersistent(this.pop())
      case 0x82: // EXT1
      case 0x83: // EXT2
      case 0x84: // EXT4
        return this.refuse("refers to Python's registry of extensions")
      case 0x97: // NEXT_BUFFER
      case 0x98: // READONLY_BUFFER
        return this.refuse('refers to buffers outside the file')
      default:
        reader.fail(`an unknown operation, ${operation}`)
    }
  }

  private push(value: PickleValue): void {
    this.stack.push(value)
  }

  /** Height below which the operations since the last MARK must not take. */
  private bottom(): number {
    return this.marks.at(-1) ?? 0
  }

  private top(): PickleValue {
    if (this.stack.length <= this.bottom()) this.reader.fail('a value is missing')
    return this.stack[this.stack.length - 1] as PickleValue
  }

  private pop(): PickleValue {
    const value = this.top()
    this.stack.pop()
    return value
  }

  private popMany(count: number): PickleValue[] {
    if (this.stack.length - count < this.bottom()) this.reader.fail('a value is missing')
    return this.stack.splice(this.stack.length - count)
  }

  private popMark(): PickleValue[] {
    const height = this.marks.pop()
    if (height === undefined) this.reader.fail('a mark is missing')
    return this.stack.splice(height)
  }

  private get(place: number): void {
    const value = this.memo.get(place)
    if (value === undefined) this.reader.fail(`nothing was kept at place ${place}`)
    this.push(value)
  }

  private put(place: number): void {
    this.memo.set(place, this.top())
  }

  private append<T extends PickleList | PickleSet>(list: T, values: readonly PickleValue[]): T {
    for (const value of values) list.items.push(value)
    return list
  }

  /** Objects that are lists of a kind take items too; what these are tells nothing of weights. */
  private appendTo(values: readonly PickleValue[]): void {
    const target = this.top()
    if (target instanceof PickleList) this.append(target, values)
    else if (!(target instanceof BuiltObject)) this.reader.fail('items for what is no list')
  }

  private addTo(values: readonly PickleValue[]): void {
    const target = this.top()
    if (target instanceof PickleSet) this.append(target, values)
    else if (!(target instanceof BuiltObject)) this.reader.fail('items for what is no set')
  }

  private setItems(pairs: readonly PickleValue[]): void {
    const target = this.top()
    if (target instanceof PickleDict) this.setAll(target, pairs)
    else if (target instanceof BuiltObject) this.setAll((target.items ??= new PickleDict()), pairs)
    else this.reader.fail('items for what is no dict')
  }

  private setAll(dict: PickleDict, pairs: readonly PickleValue[]): PickleDict {
    if (pairs.length % 2 !== 0) this.reader.fail('a key without a value')
    for (let at = 0; at < pairs.length; at += 2) dict.set(pairs[at] as PickleValue, pairs[at + 1] as PickleValue)
    return dict
  }

  private global(module: PickleValue, name: PickleValue): GlobalName {
    if (typeof module !== 'string' || typeof name !== 'string') this.reader.fail('a name that is no text')
    const key = `${module}\n${name}`
    const known = this.globals.get(key)
    if (known) return known
    if (key.length > MOST_NAME_CHARACTERS) this.reader.fail('a name is too long')
    if (this.globals.size >= MOST_GLOBALS) this.reader.fail('too many names')
    const global = new GlobalName(module, name)
    if (isAttack(global)) this.refuseAttack(`names ${global.path}`)
    this.globals.set(key, global)
    return global
  }

  private build(maker: PickleValue | undefined, args: PickleValue | undefined): BuiltObject {
    if (maker instanceof BuiltObject) this.refuseAttack('calls what it has computed')
    if (maker instanceof PersistentId) throw wholeProgram(this.reader.source) // a class with its source text
    if (!(maker instanceof GlobalName)) this.reader.fail('a call of what is no name')
    if (!(args instanceof PickleTuple)) this.reader.fail('a call without arguments')
    return new BuiltObject(maker, args.items)
  }

  private pushPersistent(id: PickleValue): void {
    const persistent = new PersistentId(id)
    this.persistentIds.push(persistent)
    this.push(persistent)
  }

  private count(value: number): number {
    return value >= 0 ? value : this.reader.fail('a negative length')
  }

  /** Strings of Python 2 are texts or bytes: nothing but their contents tells. */
  private oldString(bytes: Uint8Array): string | Uint8Array {
    return decodeUtf8(bytes) ?? bytes
  }

  private refuse(what: string): never {
    throw new FusionError('unsupported', `${this.reader.source} ${what}, which no file of weights does.`, {
      hint: 'Get the model as safetensors, or from somebody you trust.',
    })
  }

  private refuseAttack(what: string): never {
    throw new FusionError('unsupported', `${this.reader.source} is no mere model: its pickle ${what}.`, {
      detail: 'Python would run it when the file is loaded. Nothing of it was run here.',
      hint: 'This may be an attack. Do not load the file with other programs; get the model as safetensors.',
    })
  }
}
