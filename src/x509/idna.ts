/**
 * Characters allowed in a U-label (RFC 5892 2 and 3, appendix A). UTS 46 conversion has already verified that the label is normalised, does
 * not begin with a combining mark, satisfies the joiner and bidi rules, and has a single spelling.
 */

/** RFC 5892 2.6: valid regardless of their properties. */
const EXCEPTIONS = new Set([0xdf, 0x3c2, 0x6fd, 0x6fe, 0xf0b, 0x3007]);
/** RFC 5892 2.6: invalid regardless of their properties. */
const DISALLOWED = new Set([0x640, 0x7fa, 0x302e, 0x302f, 0x3031, 0x3032, 0x3033, 0x3034, 0x3035, 0x303b]);

/** RFC 5892 2.1: letters except upper case, marks, decimal digits. */
const LETTER_DIGIT = /^[\p{Ll}\p{Lo}\p{Lm}\p{Mn}\p{Mc}\p{Nd}]$/u;
/** RFC 5892 2.9: conjoining Hangul jamo. */
const OLD_HANGUL = /^[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff]$/u;

const GREEK = /^\p{Script=Greek}$/u;
const HEBREW = /^\p{Script=Hebrew}$/u;
const JAPANESE = /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u;
const ARABIC_INDIC = /[\u0660-\u0669]/;
const EXTENDED_ARABIC_INDIC = /[\u06f0-\u06f9]/;

/** A character's position within a label. */
interface Place {
  readonly label: string;
  readonly before: string;
  readonly after: string;
}

/** Characters that are only valid in certain contexts (RFC 5892 appendix A). */
const CONTEXTUAL: readonly (readonly [is: RegExp, rule: (place: Place) => boolean])[] = [
  // A.1 and A.2, joiners: covered by the conversion (UTS 46, CheckJoiners).
  [/^[\u200c\u200d]$/, () => true],
  // A.3: between two l, as in Catalan.
  [/^\u00b7$/, ({ before, after }) => before === 'l' && after === 'l'],
  // A.4
  [/^\u0375$/, ({ after }) => GREEK.test(after)],
  // A.5, A.6
  [/^[\u05f3\u05f4]$/, ({ before }) => HEBREW.test(before)],
  // A.7: the label contains Hiragana, Katakana or Han besides this character.
  [/^\u30fb$/, ({ label }) => JAPANESE.test(label.replaceAll('\u30fb', ''))],
  // A.8, A.9: the two sets of digits must not be mixed.
  [ARABIC_INDIC, ({ label }) => !EXTENDED_ARABIC_INDIC.test(label)],
  [EXTENDED_ARABIC_INDIC, ({ label }) => !ARABIC_INDIC.test(label)],
];

/** The first character of a U-label that IDNA2008 disallows at its position; undefined if all are valid. */
export function disallowedIn(label: string): string | undefined {
  const characters = Array.from(label);
  return characters.find((character, at) => {
    const contextual = CONTEXTUAL.find(([is]) => is.test(character));
    if (contextual !== undefined) return !contextual[1]({ label, before: characters[at - 1] ?? '', after: characters[at + 1] ?? '' });
    return !isValid(character);
  });
}

function isValid(character: string): boolean {
  const point = character.codePointAt(0) ?? 0;
  if (EXCEPTIONS.has(point)) return true;
  if (DISALLOWED.has(point) || OLD_HANGUL.test(character)) return false;
  if (character === '-') return true;
  // RFC 5892 2.2: characters changed by case folding or compatibility mapping are unstable.
  const folded = character.normalize('NFKC').toLowerCase().normalize('NFKC');
  return LETTER_DIGIT.test(character) && folded === character;
}
