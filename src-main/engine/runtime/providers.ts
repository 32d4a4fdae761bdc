import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { cpus, totalmem } from 'node:os'
import { FusionError } from '../../contract/errors'
import type { NetworkOptions } from '../architecture/network-graph'
import probeSource from './probe-child.cjs?raw'
import { probeModels } from './probe-models'
import type { Provider } from './session'

/** What a person may ask for. */
export const DEVICES = ['auto', 'cpu', 'cuda', 'dml', 'webgpu'] as const
export type Device = (typeof DEVICES)[number]

/** What a probe found out about one execution provider. */
export interface ProviderStatus {
  provider: Provider
  available: boolean
  /** Why it is not used; absent if it is available. */
  reason?: string
  /** The processor's or graphics card's name, where known. */
  deviceName?: string
  /** Its memory in bytes, where known. */
  deviceMemory?: number
  /** Whether it computes in float16. */
  float16?: boolean
  /** Whether its MultiHeadAttention is there and right. */
  fusedAttention?: boolean
}

/** Fastest first: the order in which `auto` chooses. */
const PROBED: readonly Provider[] = ['cuda', 'dml', 'webgpu', 'cpu']
const PROBE_LIMIT_MS = 30_000
const MAX_REASON_LENGTH = 400

let probes: Promise<ProviderStatus[]> | undefined

/**
 * Every execution provider, tried by a tiny run in a process of its own; once per process, then from memory
 * unless `again`.
 * CoreML is listed as not supported yet.
 */
export function probeProviders({ again = false } = {}): Promise<ProviderStatus[]> {
  if (again) probes = undefined
  probes ??= Promise.all(PROBED.map(probe)).then((found) => [
    ...found,
    { provider: 'coreml', available: false, reason: 'not supported yet' },
  ])
  return probes
}

/**
 * The provider for a device that a person chose; `auto` is the fastest that works.
 * Software rasterisers (SwiftShader, llvmpipe) are never chosen by `auto`: the CPU provider is faster.
 * @throws FusionError 'device' where the choice does not work on this machine
 */
export async function chooseProvider(device: Device | Provider): Promise<Provider> {
  if (device === 'cpu') return 'cpu'
  const found = await probeProviders()
  if (device === 'auto') return found.find((status) => status.available && !isSoftware(status))?.provider ?? 'cpu'
  const status = found.find(({ provider }) => provider === device)
  if (status?.available) return status.provider
  throw new FusionError('device', `The device ${device} cannot be used: ${status?.reason ?? 'it is not known'}.`, {
    hint: `Choose one of: ${found.flatMap(({ provider, available }) => (available ? [provider] : [])).join(', ')}.`,
  })
}

/** How networks are built for a provider: float16 on graphics cards that have it, fused attention where it is right. */
export async function providerAbilities(
  provider: Provider,
): Promise<Pick<NetworkOptions, 'computeType' | 'attention'>> {
  if (provider === 'cpu') return { computeType: 'F32', attention: 'fused' }
  const status = (await probeProviders()).find((candidate) => candidate.provider === provider)
  return { computeType: status?.float16 ? 'F16' : 'F32', attention: status?.fusedAttention ? 'fused' : 1 }
}

function isSoftware({ deviceName }: ProviderStatus): boolean {
  return /swiftshader|llvmpipe|software|unknown/i.test(deviceName ?? '')
}

async function probe(provider: Provider): Promise<ProviderStatus> {
  const { output, failure } = await run(process.execPath, [
    '-e',
    probeSource,
    '--',
    createRequire(import.meta.url).resolve('onnxruntime-node'),
    provider,
    JSON.stringify(probeModels()),
  ])
  const found = parseReport(output)
  if (!found.available) {
    const reason = (found.reason ?? failure).trim().slice(0, MAX_REASON_LENGTH)
    return { provider, available: false, reason: reason || 'its process said nothing' }
  }
  return { provider, ...found, available: true, ...(await describeDevice(provider)) }
}

/** The last line that the child wrote (libraries may write lines of their own before it). */
function parseReport(
  output: string,
): Pick<ProviderStatus, 'reason' | 'float16' | 'fusedAttention'> & { available?: boolean } {
  try {
    return JSON.parse(output.slice(output.lastIndexOf('{')))
  } catch {
    return {}
  }
}

async function describeDevice(provider: Provider): Promise<{ deviceName?: string; deviceMemory?: number }> {
  if (provider === 'cpu') return { deviceName: cpus()[0]?.model.trim() ?? 'CPU', deviceMemory: totalmem() }
  if (provider === 'cuda') {
    const query = ['--query-gpu=name,memory.total', '--format=csv,noheader,nounits']
    const [name, mebibytes] = (await run('nvidia-smi', query)).output.split('\n')[0]!.split(', ')
    if (name && mebibytes) return { deviceName: name, deviceMemory: Number(mebibytes) * 2 ** 20 }
  }
  if (provider === 'webgpu' && process.platform === 'linux') {
    const summary = (await run('vulkaninfo', ['--summary'])).output
    const name = /deviceName\s*=\s*(.+)/.exec(summary)?.[1]
    return {
      deviceName:
        name?.trim() ?? (process.env['VK_ICD_FILENAMES']?.includes('swiftshader') ? 'SwiftShader' : 'unknown'),
    }
  }
  return {}
}

/** A program's standard output, and in words how it failed. */
function run(file: string, args: readonly string[]): Promise<{ output: string; failure: string }> {
  return new Promise((resolve) => {
    const options = {
      timeout: PROBE_LIMIT_MS,
      killSignal: 'SIGKILL' as const,
      env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
    }
    execFile(file, args, options, (error, output) => {
      const failure = !error
        ? ''
        : error.killed
          ? `no answer within ${PROBE_LIMIT_MS / 1000} seconds`
          : error.signal
            ? `its process ended by ${error.signal}`
            : `its process ended with code ${error.code}`
      resolve({ output, failure })
    })
  })
}
