import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { DEVICES } from '../../contract/values/devices'
import { FusionError } from '../../contract/errors'
import type { NetworkOptions } from '../architecture/network-graph'
import { HOST_WATCH_SOURCE } from './host-watch'
import { launchNodeProbe, runProgram, type ProbeLauncher } from './probe-launcher'
import { probeModels } from './probe-models'
import { providerReason } from './provider-reason'
import type { Provider } from './session'

/** What a person may ask for. */
export { DEVICES }
export type Device = (typeof DEVICES)[number]

/** What a probe found out about one execution provider. */
export interface ProviderStatus {
  provider: Provider
  available: boolean
  /** Why it is not used, as the end of a sentence; absent if it is available. */
  reason?: string
  /** The runtime's own words for it. */
  detail?: string
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
const MAX_DETAIL_LENGTH = 400

let launch = launchNodeProbe
let probes: Promise<ProviderStatus[]> | undefined

/** How this process starts probes from now on, instead of with its own binary as Node. */
export function useProbeLauncher(launcher: ProbeLauncher): void {
  launch = launcher
  probes = undefined
}

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
 * The execution provider for a device that a person chose; `auto` is the fastest that works. A status that another
 * process found is taken as it is: only the host probes.
 * Software rasterisers (SwiftShader, llvmpipe) are never chosen by `auto`: the CPU provider is faster.
 * @throws FusionError 'device' where the choice does not work on this machine
 */
export async function chooseDevice(device: Device | Provider | ProviderStatus): Promise<ProviderStatus> {
  if (typeof device === 'object') return device
  if (device === 'cpu') return CPU
  const found = await probeProviders()
  if (device === 'auto') return found.find((status) => status.available && !isSoftware(status)) ?? CPU
  const status = found.find(({ provider }) => provider === device)
  if (status?.available) return status
  throw new FusionError('device', `The device ${device} cannot be used: ${status?.reason ?? 'it is not known'}.`, {
    hint: `Choose one of: ${found.flatMap(({ provider, available }) => (available ? [provider] : [])).join(', ')}.`,
    ...(status?.detail !== undefined && { detail: status.detail }),
  })
}

/** The same, where only the provider matters. @throws FusionError 'device' */
export async function chooseProvider(device: Device | Provider): Promise<Provider> {
  return (await chooseDevice(device)).provider
}

/** How networks are built for a provider: float16 on graphics cards that have it, fused attention where it is right. */
export function providerAbilities({
  provider,
  float16,
  fusedAttention,
}: ProviderStatus): Pick<NetworkOptions, 'computeType' | 'attention'> {
  return {
    computeType: float16 && provider !== 'cpu' ? 'F16' : 'F32',
    attention: fusedAttention ? 'fused' : 1,
  }
}

/** Known without a probe. */
const CPU: ProviderStatus = { provider: 'cpu', available: true, fusedAttention: true }

function isSoftware({ deviceName }: ProviderStatus): boolean {
  return /swiftshader|llvmpipe|software|unknown/i.test(deviceName ?? '')
}

async function probe(provider: Provider): Promise<ProviderStatus> {
  const library = createRequire(import.meta.url).resolve('onnxruntime-node')
  const models = JSON.stringify(probeModels())
  const { output, failure } = await launch([library, provider, models, HOST_WATCH_SOURCE, String(process.pid)])
  const found = parseReport(output)
  if (found.available) return { provider, ...found, available: true, ...(await describeDevice(provider)) }
  const detail = (found.reason ?? failure).trim().slice(0, MAX_DETAIL_LENGTH) || 'its process said nothing'
  const reason = providerReason(provider, detail, hasProviderLibrary(provider, library))
  return { provider, available: false, reason, ...(detail !== reason && { detail }) }
}

/** Whether the library that ONNX Runtime loads for a provider lies beside its own; true for those that are built in. */
function hasProviderLibrary(provider: Provider, runtime: string): boolean {
  if (provider !== 'cuda') return true
  const folder = join(dirname(runtime), '..', 'bin', 'napi-v6', process.platform, process.arch)
  return existsSync(join(folder, 'libonnxruntime_providers_cuda.so'))
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
    const [name, mebibytes] = (await runProgram('nvidia-smi', query)).output.split('\n')[0]!.split(', ')
    if (name && mebibytes) return { deviceName: name, deviceMemory: Number(mebibytes) * 2 ** 20 }
  }
  if (provider === 'webgpu' && process.platform === 'linux') {
    const summary = (await runProgram('vulkaninfo', ['--summary'])).output
    const name = /deviceName\s*=\s*(.+)/.exec(summary)?.[1]
    return {
      deviceName:
        name?.trim() ?? (process.env['VK_ICD_FILENAMES']?.includes('swiftshader') ? 'SwiftShader' : 'unknown'),
    }
  }
  return {}
}
