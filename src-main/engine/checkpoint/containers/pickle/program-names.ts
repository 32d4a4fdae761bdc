import type { GlobalName } from './values'

const words = (text: string): string[] => text.trim().split(/\s+/)

/**
 * Modules of Python that run programs, read and write files, or reach the network. Nothing is ever called here, so a
 * name that is missing does no harm: the list is there to tell a person that a file is an attack.
 */
const MODULES: ReadonlySet<string> = new Set(
  words(`
    _aix_support _bootlocale _ctypes _imp _io _osx_support _pickle _posixsubprocess _pyrepl _socket _thread _winapi
    aiohttp antigravity asyncio atexit bdb cffi cloudpickle codeop concurrent cProfile ctypes dill distutils doctest
    ensurepip faulthandler fileinput ftplib getpass gzip http httplib idlelib imaplib importlib joblib lib2to3
    linecache mailcap marshal mmap modulefinder msvcrt multiprocessing nntplib nt numpy.distutils numpy.f2py
    numpy.testing os paramiko pdb pexpect pickle pip pkg_resources pkgutil popen2 poplib posix pty py_compile pydoc
    readline requests rlcompleter runpy setuptools shelve shutil smtplib socket socketserver sqlite3 ssl subprocess
    sys sysconfig tarfile telnetlib tempfile threading timeit tkinter torch.hub torch.jit torch.package torch.testing
    torch.utils.bottleneck torch.utils.collect_env torch.utils.cpp_extension torch._inductor urllib urllib2 urllib3
    venv webbrowser winreg wsgiref xmlrpc zipapp zipfile zipimport
  `),
)

/** The same in modules that also hold what is harmless, or whose names a person's own modules may have. */
const FUNCTIONS: ReadonlySet<string> = new Set([
  ...words(`
    __import__ apply breakpoint compile delattr eval exec execfile exit file globals input locals open quit reload
    setattr vars
  `).flatMap((name) => [`builtins.${name}`, `__builtin__.${name}`]),
  ...words(`
    code.InteractiveConsole code.InteractiveInterpreter code.interact commands.getoutput commands.getstatusoutput
    imp.load_compiled imp.load_dynamic imp.load_source profile.run profile.runctx trace.Trace
    codecs.open copyreg.add_extension copy_reg.add_extension io.FileIO io.open io.open_code logging.config.listen
    numpy.fromfile numpy.load numpy.loadtxt numpy.memmap operator.methodcaller platform.popen torch.load torch.storage._load_from_bytes
    torch.serialization.load torch.serialization.legacy_load types.CodeType types.FunctionType types.MethodType
    types.ModuleType uuid._popen uuid._get_command_stdout
  `),
])

/** Whether Python would be able to run programs, read files or reach the network with what has this name. */
export function isAttack({ module, name }: GlobalName): boolean {
  const modules = module.split('.')
  if (modules.some((_, index) => MODULES.has(modules.slice(0, index + 1).join('.')))) return true
  // Of a dotted name Python takes attribute after attribute, so that `logging` with `os.system` is os.system.
  const attributes = name.split('.')
  const reaches = attributes.some((part) => MODULES.has(part) || /^__\w+__$/.test(part))
  return (attributes.length > 1 && reaches) || FUNCTIONS.has(`${module}.${name}`)
}
