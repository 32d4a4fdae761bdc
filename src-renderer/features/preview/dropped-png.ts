import { FusionError } from '../../../src-main/contract/errors'
import { formatBytes } from '../../shared/format'

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
/** As base64 it is what the command takes. */
const MAX_PNG_BYTES = 18 * 2 ** 20

/** A dropped PNG as base64. @throws FusionError for a file that the host would not take */
export async function pngAsBase64(file: File): Promise<string> {
  if (file.size > MAX_PNG_BYTES) {
    throw new FusionError('unsupported', `${file.name} is larger than ${formatBytes(MAX_PNG_BYTES)}.`, {
      hint: 'Drop the original file; enlarged copies usually contain no settings.',
    })
  }
  const start = new Uint8Array(await file.slice(0, PNG_SIGNATURE.length).arrayBuffer())
  if (!PNG_SIGNATURE.every((byte, index) => start[index] === byte)) {
    throw new FusionError('malformed', `${file.name} is not a PNG picture, although its name says so.`, {
      hint: 'Only original PNG files contain settings; other formats and copies lose them.',
    })
  }
  return base64Of(file)
}

async function base64Of(file: File): Promise<string> {
  const url = await new Promise<string>((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(reader.result as string)
    reader.onerror = () => reject(reader.error ?? new Error(`${file.name} cannot be read`))
    reader.readAsDataURL(file)
  })
  return url.slice(url.indexOf(',') + 1)
}
