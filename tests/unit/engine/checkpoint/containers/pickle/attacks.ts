import {
  bytes,
  dict,
  global,
  int,
  list,
  long,
  pickle,
  proto,
  reduce,
  stackGlobal,
  tensor,
  text,
  tuple,
  u32,
  u64,
  u8,
  type Piece,
} from './build-pickles'

/** Pickles that run a command, take all memory or never end where Python loads them. */
export const attacks = (command: string): Record<string, Buffer> => {
  const run = text(command)
  const system = global('os', 'system')
  /** Beside weights that are as they should be. */
  const beside = (payload: Piece): Buffer => pickle(dict({ state_dict: dict({ a: tensor() }), payload }))
  const call = (module: string, name: string, ...args: Piece[]): Buffer => beside(reduce(global(module, name), ...args))
  const chain = (length: number): Buffer => {
    let value = reduce(global('builtins', 'getattr'), global('builtins', 'object'), text('__class__'))
    for (let link = 0; link < length; link++)
      value = reduce(global('builtins', 'getattr'), value, text('__subclasses__'))
    return value
  }
  return {
    'os.system by REDUCE': beside(reduce(system, run)),
    'os.system in place of the weights': pickle(reduce(system, run)),
    'os.system as a weight': pickle(dict({ a: tensor(), b: reduce(system, run) })),
    'posix.system': call('posix', 'system', run),
    'nt.system': call('nt', 'system', run),
    'subprocess.Popen': call('subprocess', 'Popen', run),
    'subprocess.check_output': call('subprocess', 'check_output', run),
    'commands.getoutput': call('commands', 'getoutput', run),
    'pty.spawn': call('pty', 'spawn', run),
    'builtins.eval': call('builtins', 'eval', text(`__import__("os").system("${command}")`)),
    '__builtin__.eval': call('__builtin__', 'eval', run),
    'builtins.exec': call('builtins', 'exec', run),
    'builtins.compile': call('builtins', 'compile', run, text('a'), text('exec')),
    'builtins.open': call('builtins', 'open', text('/etc/passwd')),
    'builtins.__import__': call('builtins', '__import__', text('os')),
    'runpy._run_code': call('runpy', '_run_code', run),
    'runpy.run_path': call('runpy', 'run_path', run),
    'pip.main': call('pip', 'main', list(text('install'), run)),
    'pip._internal.main': call('pip._internal', 'main', list(text('install'), run)),
    'webbrowser.open': call('webbrowser', 'open', text('https://example.org')),
    'socket.create_connection': call('socket', 'create_connection', run),
    'urllib.request.urlopen': call('urllib.request', 'urlopen', run),
    'requests.get': call('requests.api', 'get', run),
    'importlib.import_module': call('importlib', 'import_module', text('os')),
    'shutil.rmtree': call('shutil', 'rmtree', text('/nowhere')),
    'ctypes.CDLL': call('ctypes', 'CDLL', run),
    'pickle.loads': call('pickle', 'loads', run),
    '_pickle.loads': call('_pickle', 'loads', run),
    'marshal.loads': call('marshal', 'loads', run),
    'types.FunctionType of a code object': call('types', 'FunctionType', reduce(global('types', 'CodeType'), int(0))),
    'torch.storage._load_from_bytes': call('torch.storage', '_load_from_bytes', run),
    'torch.load': call('torch', 'load', run),
    'torch.hub.load': call('torch.hub', 'load', run),
    'numpy.testing.runstring': call('numpy.testing._private.utils', 'runstring', run),
    'timeit.timeit': call('timeit', 'timeit', run),
    'code.interact': call('code', 'interact', run),
    asyncio: call('asyncio.unix_events', '_UnixSubprocessTransport._start', run),
    'operator.methodcaller': call('operator', 'methodcaller', text('system'), run),
    'os through another module': call('logging', 'os.system', run),
    'eval through __globals__': call('torch', 'save.__globals__', run),
    'a registered extension': call('copyreg', 'add_extension', text('os'), text('system'), int(1)),
    'os.system by BUILD': beside(
      bytes(reduce(global('collections', 'OrderedDict')), dict({ __setstate__: system }), 'b', text(command), 'b'),
    ),
    'os.system by nested names': beside(
      reduce(reduce(global('builtins', 'getattr'), global('torch', 'os'), text('system')), run),
    ),
    'a computed callable': beside(reduce(reduce(global('functools', 'partial'), global('a', 'b')), run)),
    'os.system by NEWOBJ': beside(bytes(system, tuple(run), '\x81')),
    'os.system by NEWOBJ_EX': beside(bytes(proto(4), system, tuple(run), '}', '\x92')),
    'os.system by INST': beside(bytes('(', run, 'ios\nsystem\n')),
    'os.system by OBJ': beside(bytes('(', system, run, 'o')),
    'os.system by STACK_GLOBAL': beside(reduce(stackGlobal(text('os'), text('system')), run)),
    'STACK_GLOBAL of a computed name': beside(
      reduce(stackGlobal(reduce(global('builtins', 'str'), text('os')), text('system')), run),
    ),
    'STACK_GLOBAL of bytes': beside(reduce(stackGlobal(bytes('C', u8(2), 'os'), text('system')), run)),
    EXT1: beside(reduce(bytes('\x82', u8(1)), run)),
    EXT2: beside(reduce(bytes('\x83\x01\x01'), run)),
    EXT4: beside(reduce(bytes('\x84\x01\x01\x01\x01'), run)),
    'a persistent id that is a call': pickle(dict({ a: tensor(), b: bytes(reduce(system, run), 'Q') })),
    'a persistent id that is no storage': pickle(dict({ a: tensor(), b: bytes(tuple(text('module'), run), 'Q') })),
    'a persistent id in text': pickle(dict({ a: tensor(), b: bytes(`P${command}\n`) })),
    'a call of a persistent id': beside(reduce(bytes(tuple(text('module'), run), 'Q'), run)),
    'a chain of 10,000 calls': beside(chain(10_000)),
    'a second pickle behind the first': bytes(pickle(dict({ a: tensor() })), pickle(reduce(system, run))),
    'a buffer outside the file': beside('\x97'),
    'a read-only buffer': beside(bytes(text('a'), '\x98')),
    'a call without arguments': beside(bytes(global('a', 'b'), text('c'), 'R')),
    'a call of a text': beside(bytes(text('a'), tuple(), 'R')),
    'state for a tuple': beside(bytes(tuple(), dict({ a: run }), 'b')),
    'items for a number': beside(bytes(int(1), text('a'), int(1), 's')),
    'LONG4 of 2 GB': bytes(proto(), '\x8b', u32(0x7fffffff)),
    'LONG4 of a negative length': bytes(proto(), '\x8b', u32(0xffffffff)),
    'LONG of a million digits': bytes(proto(), 'L', '9'.repeat(1e6), 'L\n.'),
    'LONG of 90,000 digits': bytes(proto(), 'L', '9'.repeat(90_000), 'L\n.'),
    'BINUNICODE of 4 GB': bytes(proto(), 'X', u32(0xffffffff)),
    'BINUNICODE8 of 2^60 bytes': bytes(proto(4), '\x8d', u64(2n ** 60n)),
    'BINBYTES8 of 2^64 − 1 bytes': bytes(proto(4), '\x8e', u64(2n ** 64n - 1n)),
    'BYTEARRAY8 of 2^40 bytes': bytes(proto(5), '\x96', u64(2n ** 40n)),
    'BINSTRING of a negative length': bytes(proto(), 'T', u32(0xffffffff)),
    'a frame of 2^63 bytes': bytes(proto(4), '\x95', u64(2n ** 63n), 'N.'),
    'a place that nothing was kept at': beside(bytes('j', u32(0x80000000))),
    'a name of a megabyte': beside(bytes('c', 'a'.repeat(1e6), '\nb\n')),
    'a million names': pickle(
      bytes(...Array.from({ length: 20_000 }, (_, index) => bytes(global('m', `n${index}`), '0')), 'N'),
    ),
    'protocol 6': bytes(proto(6), 'N.'),
    'an unknown operation': bytes(proto(), '\xff.'),
    'nothing to stop with': bytes(proto(), '.'),
    'a mark that is not there': bytes(proto(), 't.'),
    'a value below a mark': bytes(proto(), 'N(0\x850.'),
    'a million marks': bytes(proto(), '('.repeat(1e6)),
    'three million operations': bytes(proto(), 'N0'.repeat(1.5e6), 'N.'),
  }
}

/** Pickles that are strange and may be read: none of them may cost more than others of their length. */
export const bombs = (): Record<string, Buffer> => {
  const model = dict({ a: tensor() })
  const doubled = (pair: Piece, count: number): Buffer => {
    const steps = [bytes(pair, 'q\x00')]
    for (let step = 0; step < count; step++) steps.push(bytes('0h\x00h\x00\x86q\x00'))
    return bytes(...steps)
  }
  return {
    'a pair of pairs of pairs, 2^1000 in all': pickle(dict({ state_dict: model, payload: doubled(int(1), 1000) })),
    'the same as a key': pickle(bytes('}(', doubled(int(1), 1000), int(1), text('state_dict'), model, 'u')),
    'a place of 2^31': pickle(bytes(dict({ state_dict: model }), 'r', u32(0x80000000))),
    'a million DUPs': pickle(bytes(dict({ state_dict: model }), '2'.repeat(1e6))),
    'a million empty dicts': pickle(dict({ state_dict: model, payload: bytes('](', '}'.repeat(1e6), 'e') })),
    'tuples 200,000 deep': pickle(dict({ state_dict: model, payload: bytes('N', '\x85'.repeat(200_000)) })),
    'lists 200,000 deep': pickle(dict({ state_dict: model, payload: bytes(']'.repeat(200_000), 'a'.repeat(199_999)) })),
    'dicts that hold themselves as their weights': pickle(
      bytes('}q\x00(', text('state_dict'), 'h\x00', text('model'), 'h\x00', text('b'), model, 'u'),
    ),
    'a list that holds itself': pickle(dict({ state_dict: model, payload: bytes(']q\x00h\x00a') })),
    'a hundred thousand shapes that are one of a hundred thousand': pickle(
      dict({
        state_dict: model,
        payload: bytes('(', long(1).toString('latin1').repeat(100_000), 't', 'q\x01', '0N', 'h\x010'.repeat(100_000)),
      }),
    ),
    'one dict of 50,000 entries under 50,000 keys': pickle(
      bytes(
        '}(',
        ...Array.from({ length: 50_000 }, (_, index) => bytes(int(index), 'N')),
        'uq\x05(',
        ...Array.from({ length: 50_000 }, (_, index) => bytes(text(`k${index}`), 'h\x05')),
        text('state_dict'),
        model,
        'u',
      ),
    ),
    'a million texts that are no UTF-8': pickle(
      dict({ state_dict: model, payload: bytes('](', 'U\x01\xff'.repeat(700_000), 'e') }),
    ),
    'long integers': pickle(
      dict({
        state_dict: model,
        payload: bytes('](', bytes('\x8a', u8(200), Buffer.alloc(200, 0x7f)).toString('latin1').repeat(50_000), 'e'),
      }),
    ),
  }
}
