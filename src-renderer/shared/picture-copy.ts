const QUALITY = 0.85

/**
 * A picture as a data URL, which stays when the host takes the picture away: whole as PNG, made smaller as JPEG.
 * @param size at most so many pixels a side; absent: as large as it is
 * @throws where it cannot be loaded
 */
export async function pictureCopy(url: string, size?: number): Promise<string> {
  const image = new Image()
  image.src = url
  await image.decode()
  const { naturalWidth, naturalHeight } = image
  const scale = Math.min(1, (size ?? Infinity) / Math.max(naturalWidth, naturalHeight))
  const canvas = document.createElement('canvas')
  canvas.width = Math.max(1, Math.round(naturalWidth * scale))
  canvas.height = Math.max(1, Math.round(naturalHeight * scale))
  const context = canvas.getContext('2d')!
  context.imageSmoothingQuality = 'high'
  context.drawImage(image, 0, 0, canvas.width, canvas.height)
  return size === undefined ? canvas.toDataURL('image/png') : canvas.toDataURL('image/jpeg', QUALITY)
}
