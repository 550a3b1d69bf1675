/** Enough to recognise what one's own server sent by mistake, and too little to read someone else's data. */
const MOST = 64;

/** The beginning of a peer's data in quotes: printable ASCII, everything else as `?`. */
export function excerpt(text: string): string {
  const printable = text.slice(0, MOST).replace(/[^ -~]/g, '?');
  return `"${printable.replaceAll('"', '\'')}${text.length > MOST ? '...' : ''}"`;
}
