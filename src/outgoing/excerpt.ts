/** Enough to recognise what one's own server sent by mistake; too little to read somebody else's. */
const MOST = 64;

/** The beginning of what a stranger sent, in quotes: printable ASCII, all else as `?`. */
export function excerpt(text: string): string {
  const printable = text.slice(0, MOST).replace(/[^ -~]/g, '?');
  return `"${printable.replaceAll('"', '\'')}${text.length > MOST ? '...' : ''}"`;
}
