import type { Provider } from './session'

/** What ONNX Runtime says when a provider cannot be used, and what it means; the first that fits. */
const MEANINGS: readonly [provider: Provider | null, said: RegExp, meaning: string][] = [
  [
    'cuda',
    /CUDA failure|no CUDA-capable device|driver version/i,
    'no NVIDIA graphics card with a working driver was found',
  ],
  [
    'cuda',
    /\.so\.\d+: cannot open shared object|cudnn|cublas/i,
    'the CUDA 12 or cuDNN 9 libraries of NVIDIA are not installed',
  ],
  ['webgpu', /adapter/i, 'no graphics adapter was found'],
  ['dml', /backend not found/i, 'DirectML is there on Windows only'],
  [null, /backend not found|not (?:built|compiled|enabled)/i, 'ONNX Runtime does not have it on this system'],
]

/**
 * Why a provider is not used, as the end of a sentence.
 * @param said the runtime's own words, or how the probe's process ended
 * @param hasLibrary whether the provider's own library is installed, where it has one
 */
export function providerReason(provider: Provider, said: string, hasLibrary: boolean): string {
  if (provider === 'cuda' && !hasLibrary) return 'the CUDA provider library is not installed (npm run install:cuda)'
  const known = MEANINGS.find(([only, pattern]) => (only === null || only === provider) && pattern.test(said))
  if (known) return known[2]
  // How a process ended is a sentence already; the runtime's messages are for developers.
  return /^(it |its process )/.test(said) ? said : 'it could not be started'
}
