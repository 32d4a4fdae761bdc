/** How two pictures differ: |a − b| of every channel times a gain, as pixels, and the mean over all channels (0 … 255). */
export interface PictureDifference {
  pixels: ImageData
  mean: number
}

async function pixelsOf(url: string, width?: number, height?: number): Promise<ImageData> {
  const image = new Image()
  image.src = url
  await image.decode()
  const canvas = document.createElement('canvas')
  canvas.width = width ?? image.naturalWidth
  canvas.height = height ?? image.naturalHeight
  const context = canvas.getContext('2d', { willReadFrequently: true })!
  context.drawImage(image, 0, 0, canvas.width, canvas.height)
  return context.getImageData(0, 0, canvas.width, canvas.height)
}

/** The difference of two pictures; the second is brought to the first one's size. */
export async function pictureDifference(a: string, b: string, gain: number): Promise<PictureDifference> {
  const first = await pixelsOf(a)
  const second = await pixelsOf(b, first.width, first.height)
  const pixels = new ImageData(first.width, first.height)
  let sum = 0
  for (let i = 0; i < first.data.length; i += 4) {
    for (let c = 0; c < 3; c++) {
      const difference = Math.abs(first.data[i + c]! - second.data[i + c]!)
      sum += difference
      pixels.data[i + c] = difference * gain
    }
    pixels.data[i + 3] = 255
  }
  return { pixels, mean: sum / (first.width * first.height * 3) }
}
