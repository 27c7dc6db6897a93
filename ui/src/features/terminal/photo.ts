// A photo as it is sent: small, the right way up, and without what the camera knew of place and time,
// because it is drawn anew.

const EDGE_PX = 1600;
const BYTES_MAX = 700_000; // the server takes 1 MB; what waits here has to stay small too
const QUALITIES = [0.82, 0.6, 0.4];

export class NoPhoto extends Error {}

/** Return the Base64 of a JPEG. Throws NoPhoto where it is no picture that this browser can read. */
export async function photo(file: Blob): Promise<string> {
  let picture: ImageBitmap;
  try {
    picture = await createImageBitmap(file, { imageOrientation: 'from-image' });
  } catch {
    throw new NoPhoto();
  }
  const scale = Math.min(1, EDGE_PX / Math.max(picture.width, picture.height));
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(picture.width * scale)), Math.max(1, Math.round(picture.height * scale)));
  canvas.getContext('2d')!.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  for (const quality of QUALITIES) {
    const drawn = await canvas.convertToBlob({ type: 'image/jpeg', quality });
    if (drawn.size <= BYTES_MAX) return base64(await drawn.arrayBuffer());
  }
  throw new NoPhoto();
}

function base64(content: ArrayBuffer): string {
  let text = '';
  for (const byte of new Uint8Array(content)) text += String.fromCharCode(byte);
  return btoa(text);
}
