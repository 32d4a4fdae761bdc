import { execFileSync } from 'node:child_process'
import { accessSync, constants, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { NtExecutable, NtExecutableResource } from 'resedit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { productionFolders } from '../../build/licences-plugin'
import { debianPackage, makePackage, readConfiguration, type MadePackage, type System } from './make-package'

const MB = 1e6
/** Packages of npm that are packaged; the rest of what the program uses is in its bundles. */
const PACKAGES =
  'commander fast-png fflate iobuffer jpeg-js long onnxruntime-common onnxruntime-node protobufjs ws yaml'.split(' ')
/** Figures without Electron; the largest part is ONNX Runtime, then 55 MB of demo models. */
const SYSTEMS: (System & { library: string[]; mostBytes: number; launcher: string })[] = [
  {
    target: 'linux',
    arch: 'x64',
    library: ['libonnxruntime.so.1', 'onnxruntime_binding.node'],
    mostBytes: 110 * MB,
    launcher: 'featurefusion',
  },
  {
    target: 'win32',
    arch: 'x64',
    library: ['DirectML.dll', 'dxcompiler.dll', 'dxil.dll', 'onnxruntime.dll', 'onnxruntime_binding.node'],
    mostBytes: 132 * MB,
    launcher: 'featurefusion.cmd',
  },
  {
    target: 'darwin',
    arch: 'arm64',
    library: ['libonnxruntime.1.dylib', 'onnxruntime_binding.node'],
    mostBytes: 110 * MB,
    launcher: 'featurefusion',
  },
]
const MOST_ARCHIVED_BYTES = 7 * MB

describe.each(SYSTEMS)('the package for $target $arch', ({ target, arch, library, mostBytes, launcher }) => {
  let made: MadePackage
  beforeAll(async () => {
    made = await makePackage({ target, arch })
  })
  afterAll(() => made?.remove())

  it('has the program, the data that it reads, and nothing of the repository', () => {
    const tops = new Set([...made.archive.keys()].map((path) => path.split('/')[0]))
    expect([...tops].sort()).toEqual(['node_modules', 'out', 'package.json', 'resources'])
    const shipped = (folder: string): string[] => pathsUnder(made, folder)
    // The licences lie beside the archive, and again in the interface.
    expect(shipped('out')).toEqual(filesOf('out').filter((path) => path !== 'out/third-party.txt'))
    expect(shipped('resources')).toEqual(filesOf('resources').filter((path) => !ONLY_TRAINS.test(path)))
    expect(shipped('resources')).toContain('resources/demo/README.md')
  })

  it('has the packages that it loads: no development dependency, no test, no source map', () => {
    const paths = pathsUnder(made, 'node_modules')
    const names = [...new Set(paths.map((path) => path.split('/')[1]!))].sort()
    expect(names).toEqual(PACKAGES)
    expect(productionFolders('.').map((folder) => basename(folder))).toEqual(expect.arrayContaining(names))
    expect(paths.filter((path) => /\.(map|ts|mts|cts|md)$|\/(tests?|script|docs)\//.test(path))).toEqual([])
  })

  it('has ONNX Runtime of this system alone, outside the archive', () => {
    const bin = pathsUnder(made, 'node_modules/onnxruntime-node/bin')
    expect(bin.map((path) => relative(`node_modules/onnxruntime-node/bin/napi-v6/${target}/${arch}`, path))).toEqual(
      library,
    )
  })

  it('unpacks what native code and other programs read, and nothing else', () => {
    const unpacked = [...made.archive].filter(([, file]) => file.unpacked).map(([path]) => path)
    const expected = [...made.archive.keys()].filter((path) =>
      /^(node_modules\/onnxruntime-node|resources)\//.test(path),
    )
    expect(unpacked).toEqual(expected)
    const beside = relative(made.folder, join(made.resources, 'app.asar.unpacked'))
    const onDisk = [...made.files.keys()]
      .filter((path) => path.startsWith(beside))
      .map((path) => relative(beside, path))
    expect(onDisk.sort()).toEqual(unpacked.toSorted())
  })

  it('is no larger than it has to be', () => {
    const total = [...made.files.values()].reduce((sum, size) => sum + size, 0)
    const archive = made.files.get(relative(made.folder, join(made.resources, 'app.asar')))!
    console.log(`${target} ${arch}: ${(total / MB).toFixed(1)} MB, of which app.asar ${(archive / MB).toFixed(1)} MB`)
    expect(total).toBeLessThan(mostBytes)
    expect(archive).toBeLessThan(MOST_ARCHIVED_BYTES)
  })

  it('has the fuses of the configuration', () => {
    const { electronFuses } = readConfiguration()
    const on = Object.entries(electronFuses!).filter(([, state]) => state)
    expect(made.fuses.map((name) => name.toLowerCase()).sort()).toEqual(on.map(([name]) => name.toLowerCase()).sort())
    expect(made.fuses).not.toContain('RunAsNode')
  })

  it('has the licences of all that is in it', () => {
    const licences = join(made.resources, 'licences')
    expect(readdirSync(licences).sort()).toEqual(['LICENSE', 'NOTICE', 'third-party.txt'])
    const text = readFileSync(join(licences, 'third-party.txt'), 'utf8')
    for (const name of PACKAGES) {
      const { version, license } = JSON.parse(readFileSync(join('node_modules', name, 'package.json'), 'utf8'))
      expect(text).toContain(`\n${name} ${version}  ${license}\n`)
    }
    for (const name of ['@vue/runtime-dom', 'pinia', 'reka-ui', 'chart.js', 'zod', 'hash-wasm', 'assemblyscript'])
      expect(text).toMatch(new RegExp(`\\n${name} [\\d.]+ {2}\\S`))
    if (target === 'darwin') return
    const electron = ['LICENSE.electron.txt', 'LICENSES.chromium.html']
    expect([...made.files.keys()]).toEqual(expect.arrayContaining(electron))
  })

  it.runIf(target !== 'win32')('has a command that reaches the program through links, with all its arguments', () => {
    const links = mkdtempSync(join(tmpdir(), 'links-'))
    try {
      symlinkSync(join(made.resources, 'bin', launcher), join(links, 'first'))
      symlinkSync('first', join(links, 'second'))
      const printed = execFileSync(join(links, 'second'), ['merge', '--out', 'a b', '*'], { encoding: 'utf8' })
      const [separator, ...args] = printed.slice(printed.indexOf('--cli\n')).trimEnd().split('\n').slice(1)
      expect(separator).toBe('--')
      expect(args).toEqual(['merge', '--out', 'a b', '*'])
      // Chromium must not look for a display.
      expect(printed.includes('--ozone-platform=headless')).toBe(target === 'linux')
    } finally {
      rmSync(links, { recursive: true })
    }
  })

  it.runIf(target === 'linux')(
    'becomes a Debian package with its command on the path, and opens projects',
    async () => {
      const { args, desktop, types } = await debianPackage(made)
      const mapped = args.find((argument) => argument.endsWith('=/usr/bin/featurefusion'))!
      const command = mapped.split('=')[0]!
      accessSync(command, constants.X_OK)
      const [, installed] = /^exec "\/opt\/([^"]+)" "\$@"$/m.exec(readFileSync(command, 'utf8'))!
      expect(installed).toBe(`${readConfiguration().productName}/resources/bin/featurefusion`)
      expect(args).toContainEqual(expect.stringMatching(/256x256\.png=\/usr\/share\/icons\/hicolor\/256x256\/apps\//))
      expect(types).toContain('<glob pattern="*.fusion.json"/>')
      expect(desktop).toContain('application/x-featurefusion-project')
    },
  )

  it.runIf(target === 'win32')('has a command, the icon, and the archive’s hash in the program', () => {
    const command = readFileSync(join(made.resources, 'bin', launcher), 'latin1')
    expect(command).toMatch(/^"%~dp0\.\.\\\.\.\\FeatureFusion Studio\.exe" --cli -- %\*\r$/m)
    const program = NtExecutable.from(readFileSync(join(made.folder, 'FeatureFusion Studio.exe')))
    const types = NtExecutableResource.from(program).entries.map(({ type }) => type)
    // 14: a group of icons.
    expect(types).toEqual(expect.arrayContaining([14, 'INTEGRITY']))
  })

  it.runIf(target === 'darwin')('opens projects, and has the icon and the archive’s hash', () => {
    const contents = dirname(made.resources)
    const list = readFileSync(join(contents, 'Info.plist'), 'utf8')
    expect(list).toContain('<string>fusion.json</string>')
    expect(list).toContain('<key>ElectronAsarIntegrity</key>')
    expect(readFileSync(join(made.resources, 'icon.icns'))).toEqual(readFileSync('build/icons/icon.icns'))
  })
})

it('no package is made for a system that ONNX Runtime has no library for', async () => {
  await expect(makePackage({ target: 'darwin', arch: 'x64' })).rejects.toThrow('No package for darwin x64')
})

const ONLY_TRAINS = /^resources\/demo\/(training\/|contact\.png|pairs\.png|results\.md|evaluation\/expected\.json)/

function pathsUnder(made: MadePackage, folder: string): string[] {
  return [...made.archive.keys()].filter((path) => path.startsWith(`${folder}/`)).sort()
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== '.built')
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort()
}
