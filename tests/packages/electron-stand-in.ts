import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { NtExecutable, NtExecutableResource, Resource } from 'resedit'

/*
 * Electron's own binary cannot be had everywhere. What stands in for it has all that packaging touches: the fuses' wire,
 * on Windows resources, on macOS the bundle with its property lists. As a program it prints its arguments (Linux, macOS).
 */

/** As @electron/fuses finds the wire: its mark, the version, the count of fuses, and each one's state. */
const FUSE_WIRE = Buffer.concat([
  Buffer.from('dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX', 'latin1'),
  Buffer.from([1, 8]),
  // As Electron ships them: RunAsNode, NODE_OPTIONS, --inspect and file:'s privileges are on.
  Buffer.from('10110001', 'latin1'),
])
/** A program that prints its arguments, one a line; what follows it is not read. */
const PRINTER = Buffer.from('#!/bin/sh\nprintf \'%s\\n\' "$@"\nexit 0\n')
const LANGUAGE = { lang: 0x0409, codepage: 1200 }
const HELPERS = ['Electron Helper', 'Electron Helper (GPU)', 'Electron Helper (Plugin)', 'Electron Helper (Renderer)']

export type Target = 'linux' | 'win32' | 'darwin'

/** Writes a distribution of Electron for one platform into a folder. */
export function writeElectronStandIn(folder: string, target: Target): void {
  if (target === 'linux') write(join(folder, 'electron'), Buffer.concat([PRINTER, FUSE_WIRE]), 0o755)
  if (target === 'win32') write(join(folder, 'electron.exe'), windowsBinary())
  if (target === 'darwin') writeMacBundle(join(folder, 'Electron.app', 'Contents'))
  else {
    write(join(folder, 'LICENSE'), "Electron's licence")
    write(join(folder, 'LICENSES.chromium.html'), "Chromium's licences")
    mkdirSync(join(folder, 'resources'))
  }
}

function windowsBinary(): Buffer {
  const executable = NtExecutable.createEmpty(false, false)
  const resources = NtExecutableResource.from(executable)
  const version = Resource.VersionInfo.createEmpty()
  version.setStringValues(LANGUAGE, { ProductName: 'Electron' })
  version.outputToResourceEntries(resources.entries)
  const wire = new Uint8Array(FUSE_WIRE).buffer
  resources.entries.push({ type: 10, id: 1, bin: wire, lang: LANGUAGE.lang, codepage: LANGUAGE.codepage })
  resources.outputResource(executable)
  return Buffer.from(executable.generate())
}

function writeMacBundle(contents: string): void {
  write(join(contents, 'Info.plist'), propertyList('Electron'))
  write(join(contents, 'MacOS', 'Electron'), PRINTER, 0o755)
  write(join(contents, 'Resources', 'electron.icns'), '')
  const frameworks = join(contents, 'Frameworks')
  write(join(frameworks, 'Electron Framework.framework', 'Electron Framework'), FUSE_WIRE)
  for (const helper of HELPERS) {
    write(join(frameworks, `${helper}.app`, 'Contents', 'Info.plist'), propertyList(helper))
    write(join(frameworks, `${helper}.app`, 'Contents', 'MacOS', helper), 'stand-in', 0o755)
  }
}

function propertyList(name: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>CFBundleName</key><string>${name}</string>
<key>CFBundleExecutable</key><string>${name}</string>
<key>CFBundleIconFile</key><string>electron.icns</string>
</dict></plist>
`
}

function write(path: string, contents: string | Buffer, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, contents, { mode })
}
