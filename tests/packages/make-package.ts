import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { getRawHeader, type DirectoryRecord, type FileRecord } from '@electron/asar'
import { getCurrentFuseWire, FuseV1Options } from '@electron/fuses'
import { Arch, build, Platform, type Configuration } from 'electron-builder'
import { parse } from 'yaml'
import { writeElectronStandIn, type Target } from './electron-stand-in'

/** What electron-builder made for one system, as it would go into an installer. */
export interface MadePackage {
  /** Where all of it lies. */
  folder: string
  /** The program's resources: app.asar and what lies beside. */
  resources: string
  /** Every file on the disk, relative to the folder, with its size. */
  files: ReadonlyMap<string, number>
  /** Every file of the archive; whether it lies unpacked beside it. */
  archive: ReadonlyMap<string, { size: number; unpacked: boolean }>
  /** The fuses that are on, by their names. */
  fuses: readonly string[]
  remove(): void
}

export interface System {
  target: Target
  arch: 'x64' | 'arm64'
}

const PLATFORMS = { linux: Platform.LINUX, win32: Platform.WINDOWS, darwin: Platform.MAC }
const NAME = 'FeatureFusion Studio'
/** The file that holds the fuses, relative to the package. */
const PROGRAMS: Record<Target, string> = { linux: 'featurefusion-studio', win32: `${NAME}.exe`, darwin: `${NAME}.app` }

/** The configuration that ships. */
export function readConfiguration(): Configuration {
  return parse(readFileSync('build/electron-builder.yml', 'utf8')) as Configuration
}

/** Packages the built program (out/) with a stand-in for Electron, unsigned and without an installer around it. */
export async function makePackage({ target, arch }: System): Promise<MadePackage> {
  const work = mkdtempSync(join(tmpdir(), 'packages-'))
  const electron = join(work, 'electron')
  writeElectronStandIn(electron, target)
  const config = readConfiguration()
  const remove = (): void => rmSync(work, { recursive: true, force: true })
  await build({
    targets: PLATFORMS[target].createTarget('dir', Arch[arch]),
    projectDir: resolve('.'),
    publish: 'never',
    config: {
      ...config,
      electronDist: electron,
      electronVersion: electronVersion(),
      directories: { ...config.directories, output: join(work, 'made') },
      // Signing needs a certificate, and on macOS a Mac.
      win: { ...config.win, signExecutable: false },
      mac: { ...config.mac, identity: null },
    },
  }).catch((error: unknown) => {
    remove()
    throw error
  })
  const made = readdirSync(join(work, 'made')).find((name) => statSync(join(work, 'made', name)).isDirectory())!
  const folder = join(work, 'made', made)
  const program = join(folder, PROGRAMS[target])
  const resources = target === 'darwin' ? join(program, 'Contents', 'Resources') : join(folder, 'resources')
  return {
    folder,
    resources,
    files: filesIn(folder),
    archive: filesOfArchive(join(resources, 'app.asar')),
    fuses: await fusesOf(program),
    remove,
  }
}

/** What a Debian package of a made layout would be built from, without the tool (fpm) that builds it. */
export async function debianPackage(made: MadePackage): Promise<{ args: string[]; desktop: string; types: string }> {
  let found: { args: string[]; desktop: string; types: string } | undefined
  await build({
    targets: Platform.LINUX.createTarget('deb', Arch.x64),
    projectDir: resolve('.'),
    publish: 'never',
    prepackaged: made.folder,
    config: { ...readConfiguration(), electronVersion: electronVersion() },
    effectiveOptionComputed: async ([args, desktop]: [string[], string]) => {
      const types = args.find((argument) => argument.includes('=/usr/share/mime/'))!.split('=')[0]!
      found = { args, desktop: readFileSync(desktop, 'utf8'), types: readFileSync(types, 'utf8') }
      return true
    },
  })
  return found!
}

function electronVersion(): string {
  return (JSON.parse(readFileSync('node_modules/electron/package.json', 'utf8')) as { version: string }).version
}

async function fusesOf(program: string): Promise<string[]> {
  const wire = await getCurrentFuseWire(program)
  return Object.entries(wire)
    .filter(([key, state]) => key !== 'version' && String.fromCharCode(Number(state)) === '1')
    .map(([key]) => FuseV1Options[Number(key)]!)
}

function filesIn(folder: string): Map<string, number> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return new Map(
    entries
      .filter((entry) => !entry.isDirectory())
      .map(({ parentPath, name }) => join(parentPath, name))
      .map((path) => [relative(folder, path), statSync(path).size]),
  )
}

function filesOfArchive(archive: string): MadePackage['archive'] {
  const found = new Map<string, { size: number; unpacked: boolean }>()
  const visit = (entry: DirectoryRecord | FileRecord, path: string): void => {
    if ('files' in entry)
      for (const [name, inner] of Object.entries(entry.files)) visit(inner, path === '' ? name : `${path}/${name}`)
    else found.set(path, { size: entry.size, unpacked: entry.unpacked === true })
  }
  visit(getRawHeader(archive).header, '')
  return found
}
