/** A text that is not JSON as we accept it. `message` says what was found and what was expected. */
export class JsonError extends Error {
  override readonly name = 'JsonError';
}

/** No body that the service accepts is nested deeper; a deeper one would only consume stack. */
const DEEPEST = 16;

/**
 * Parses JSON, refusing what `JSON.parse` lets through: duplicate members (the last would silently win), `__proto__` in any spelling,
 * nesting beyond 16, a byte order mark. Strings must be well-formed Unicode.
 * @throws JsonError
 */
export function parseStrictJson(text: string): unknown {
  checkMembers(text);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new JsonError(error instanceof Error ? error.message : 'not JSON', { cause: error });
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/**
 * One pass over the text before it is parsed, collecting the members of each object. Whether the text is JSON at all is left to
 * `JSON.parse`; in every text that it accepts, a string directly before a colon is a member name.
 */
function checkMembers(text: string): void {
  if (text.charCodeAt(0) === 0xfeff) throw new JsonError('the body begins with a byte order mark; expected plain UTF-8 (RFC 8259 8.1)');
  const open: (Set<string> | undefined)[] = [];
  let string: string | undefined;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const end = endOfString(text, at);
        string = text.slice(at, end + 1);
        at = end;
        break;
      }
      case COLON: {
        const names = open.at(-1);
        if (names !== undefined && string !== undefined) addMember(names, string);
        string = undefined;
        break;
      }
      case OPEN_BRACE:
      case OPEN_BRACKET:
        if (open.length === DEEPEST) throw new JsonError(`the body is nested deeper than ${DEEPEST}`);
        open.push(text.charCodeAt(at) === OPEN_BRACE ? new Set() : undefined);
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        open.pop();
        break;
      case COMMA:
        string = undefined;
        break;
      default:
    }
  }
}

/** Index of the string's closing quote, or the length of the text. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; ; ) {
    const quote = text.indexOf('"', at);
    if (quote < 0) return text.length;
    let slashes = 0;
    while (text.charCodeAt(quote - 1 - slashes) === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return quote;
    at = quote + 1;
  }
}

function addMember(names: Set<string>, quoted: string): void {
  // Two spellings of one name (`a`, `\u0061`) denote the same member.
  const name = quoted.includes('\\') ? unescaped(quoted) : quoted.slice(1, -1);
  if (name === '__proto__') throw new JsonError('a member is named "__proto__", which is refused');
  if (names.has(name)) throw new JsonError(`member ${JSON.stringify(name.slice(0, 64))} occurs twice; expected each name once`);
  names.add(name);
}

function unescaped(quoted: string): string {
  try {
    return JSON.parse(quoted) as string;
  } catch (error) {
    throw new JsonError('a member\'s name is not a JSON string', { cause: error });
  }
}
