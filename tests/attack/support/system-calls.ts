import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** Calls that talk to another machine, and calls that change files. */
const TRACED =
  'socket,bind,connect,sendto,sendmsg,sendmmsg,open,openat,openat2,creat,truncate,' +
  'mkdir,mkdirat,mknod,mknodat,rename,renameat,renameat2,rmdir,unlink,unlinkat,link,linkat,symlink,symlinkat,' +
  'chmod,fchmodat,chown,lchown,fchownat,utimensat,setxattr,lsetxattr'

/** Why strace cannot look at processes here; null: it can. */
export const NO_STRACE = findObstacle()

function findObstacle(): string | null {
  if (process.platform !== 'linux') return 'strace is for Linux'
  const { status, error, stderr } = spawnSync('strace', ['-f', '-o', '/dev/null', '-e', 'trace=socket', 'true'])
  if (error) return 'strace is not installed'
  return status === 0 ? null : `strace may not trace processes: ${stderr.toString().trim()}`
}

/** A trace of what a command and all of its children ask of the system. */
export class SystemCalls {
  constructor(private readonly folder: string) {
    mkdirSync(folder, { recursive: true })
  }

  /** The program that starts the command. */
  get prefix(): string[] {
    // One file for each thread: in a common one, lines of several threads are torn.
    // -D: signals go to the command, not to strace.
    return [
      'strace',
      '-D',
      '-f',
      '--seccomp-bpf',
      '-ff',
      '-yy',
      '-qq',
      '-s',
      '4096',
      '-e',
      `trace=${TRACED}`,
      '-o',
      join(this.folder, 'trace'),
    ]
  }

  /** Calls by which something could leave the machine; pipes between its own processes and questions to its kernel cannot. */
  get network(): string[] {
    return this.calls.filter(
      (call) => /^(socket|bind|connect|send)/.test(call) && !/AF_UNIX|AF_NETLINK|<UNIX/.test(call),
    )
  }

  /** Absolute paths that were made, changed or removed, also where that failed. */
  get written(): string[] {
    const found = this.calls.filter(isWrite).flatMap(pathsOf)
    return [...new Set(found)].sort()
  }

  private get calls(): string[] {
    return readdirSync(this.folder).flatMap((name) => readFileSync(join(this.folder, name), 'utf8').split('\n'))
  }
}

function isWrite(call: string): boolean {
  if (/^open/.test(call)) return /O_WRONLY|O_RDWR|O_CREAT|O_TRUNC/.test(call)
  return !/^(socket|bind|connect|send|---|\+\+\+)/.test(call)
}

/** Every path of a call, each below the folder that stands before it: `AT_FDCWD</folder>, "name"`. */
function pathsOf(call: string): string[] {
  return [...call.matchAll(/(?:<([^<>]*)>, )?"((?:[^"\\]|\\.)*)"/g)].map(([, folder = '/', path]) =>
    resolve(folder, path!),
  )
}
