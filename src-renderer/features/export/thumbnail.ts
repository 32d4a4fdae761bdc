/** As the standard has it: pictures of models are shown small. */
const EDGE = 256
const QUALITY = 0.85

/** A picture of this page as a small JPEG in a data URI. @throws where it cannot be loaded */
export async function thumbnailOf(url: string): Promise<string> {
  const image = new Image()
  image.src = url
  await image.decode()
  const scale = Math.min(1, EDGE / Math.max(image.naturalWidth, image.naturalHeight))
  const canvas = document.createElement('canvas')
  canvas.width = Math.max(1, Math.round(image.naturalWidth * scale))
  canvas.height = Math.max(1, Math.round(image.naturalHeight * scale))
  const context = canvas.getContext('2d')!
  context.imageSmoothingQuality = 'high'
  context.drawImage(image, 0, 0, canvas.width, canvas.height)
  return canvas.toDataURL('image/jpeg', QUALITY)
}
