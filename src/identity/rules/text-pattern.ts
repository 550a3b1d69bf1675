/**
 * Whether the pattern matches the whole text: `*` stands for any run of characters except `/`, `**` for any run at all, everything else for itself.
 * The work is bounded by the product of the two lengths.
 */
export function matchesText(pattern: string, text: string): boolean {
  let places: ReadonlySet<number> = new Set([0]);
  for (const part of pattern.split(/(\*\*|\*)/)) {
    if (part === '') continue;
    const next = new Set<number>();
    for (const place of places) {
      if (part !== '*' && part !== '**') {
        if (text.startsWith(part, place)) next.add(place + part.length);
        continue;
      }
      for (let end = place; end <= text.length && !next.has(end); end += 1) {
        next.add(end);
        if (part === '*' && text[end] === '/') break;
      }
    }
    places = next;
  }
  return places.has(text.length);
}
