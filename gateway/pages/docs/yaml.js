// Reads the YAML that docs/openapi.yaml is written in: block collections, flow collections, plain and
// quoted scalars, the block scalars | and >-, and comments. No anchors, tags, directives or multi-line
// plain scalars. What is anything else throws, or is a text.

// Plain scalars mean what they mean in YAML's core schema.
function plain(text) {
  if (/^(null|~)?$/.test(text)) return null;
  if (text === 'true' || text === 'false') return text === 'true';
  return /^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : text;
}

// --- flow: [a, b], {a: b}, and what stands in quotes ---

class Flow {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  fail(what) {
    throw new SyntaxError(`${what}: ${this.text.slice(this.at, this.at + 40)}`);
  }

  skip() {
    while (/\s/.test(this.text[this.at] ?? '')) this.at += 1;
  }

  takes(character) {
    this.skip();
    if (this.text[this.at] !== character) return false;
    this.at += 1;
    return true;
  }

  match(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text) ?? this.fail('not understood');
    this.at = pattern.lastIndex;
    return found[0];
  }

  scalar(plainPattern) {
    this.skip();
    if (this.text[this.at] === "'")
      return this.match(/'(?:[^']|'')*'/y)
        .slice(1, -1)
        .replaceAll("''", "'");
    if (this.text[this.at] === '"') return JSON.parse(this.match(/"(?:[^"\\]|\\.)*"/y));
    return plain(this.match(plainPattern).trim());
  }

  list() {
    const items = [];
    while (!this.takes(']')) {
      items.push(this.value());
      if (!this.takes(',') && this.text[this.at] !== ']') this.fail('no comma');
    }
    return items;
  }

  map() {
    const members = {};
    while (!this.takes('}')) {
      const key = String(this.scalar(/[^:,{}[\]]+/y));
      if (!this.takes(':')) this.fail('no colon');
      members[key] = this.value();
      if (!this.takes(',') && this.text[this.at] !== '}') this.fail('no comma');
    }
    return members;
  }

  value() {
    if (this.takes('[')) return this.list();
    if (this.takes('{')) return this.map();
    return this.scalar(/(?:[^,{}[\]:]|:(?=\S))+/y);
  }
}

// --- blocks: a line is { indent, text } ---

const COMMENT = /^\s*#|^\s*$/;
const KEY = /^('(?:[^']|'')*'|"(?:[^"\\]|\\.)*"|[^\s'"[\]{}#-][^:]*|-[^\s:][^:]*)\s*:(?:\s+(.*))?$/;

// Whether all brackets that are open in the text, and not in quotes, are closed.
function isWhole(text) {
  const bare = text.replace(/'(?:[^']|'')*'|"(?:[^"\\]|\\.)*"/g, '');
  return (bare.match(/[[{]/g)?.length ?? 0) <= (bare.match(/[\]}]/g)?.length ?? 0);
}

class Blocks {
  constructor(text) {
    this.lines = text
      .split('\n')
      .map((line) => ({ indent: line.search(/\S|$/), text: line.trim(), raw: line }));
    this.at = 0;
  }

  // The next line that says anything; undefined at the end.
  peek() {
    while (this.at < this.lines.length && COMMENT.test(this.lines[this.at].raw)) this.at += 1;
    return this.lines[this.at];
  }

  literal(indent, isFolded) {
    const kept = [];
    for (; this.at < this.lines.length; this.at += 1) {
      const line = this.lines[this.at];
      if (line.text !== '' && line.indent <= indent) break;
      kept.push(line);
    }
    const margin = kept.find((line) => line.text !== '')?.indent ?? 0;
    const text = kept
      .map((line) => line.raw.slice(margin))
      .join('\n')
      .replace(/\n+$/, '');
    if (!isFolded) return `${text}\n`;
    return text.replace(/\n+/g, (breaks) => (breaks.length === 1 ? ' ' : breaks.slice(1)));
  }

  // What stands behind a key or a dash, and goes on below where it is open.
  inline(text, indent) {
    if (text === '|' || text === '>-') return this.literal(indent, text === '>-');
    if (!/^['"[{]/.test(text)) return plain(text.replace(/\s+#.*$/, ''));
    let whole = text;
    while (!isWhole(whole)) {
      whole += ` ${this.peek().text}`;
      this.at += 1;
    }
    return new Flow(whole).value();
  }

  nested(indent) {
    const line = this.peek();
    const isBelow =
      line !== undefined &&
      (line.indent > indent || (line.indent === indent && /^-\s/.test(line.text)));
    return isBelow ? this.block() : null;
  }

  sequence(indent) {
    const items = [];
    for (
      let line = this.peek();
      line?.indent === indent && /^-\s/.test(line.text);
      line = this.peek()
    ) {
      const rest = line.text.replace(/^-\s+/, '');
      if (!/^['"[{]/.test(rest) && KEY.test(rest)) {
        // a map begins on the dash's own line
        this.lines[this.at] = {
          indent: indent + line.text.length - rest.length,
          text: rest,
          raw: rest,
        };
        items.push(this.block());
      } else {
        this.at += 1;
        items.push(this.inline(rest, indent));
      }
    }
    return items;
  }

  map(indent) {
    const members = {};
    for (let line = this.peek(); line?.indent === indent; line = this.peek()) {
      const [, key, rest] = KEY.exec(line.text) ?? new Flow(line.text).fail('no key');
      this.at += 1;
      const name = String(new Flow(/^['"]/.test(key) ? key : JSON.stringify(key)).value());
      members[name] =
        rest === undefined || rest === '' ? this.nested(indent) : this.inline(rest, indent);
    }
    return members;
  }

  block() {
    const line = this.peek();
    if (/^-\s/.test(line.text)) return this.sequence(line.indent);
    if (!/^['"[{]/.test(line.text) || KEY.test(line.text)) return this.map(line.indent);
    this.at += 1;
    return this.inline(line.text, line.indent - 1);
  }
}

export function parse(text) {
  const blocks = new Blocks(text);
  const value = blocks.block();
  const left = blocks.peek();
  if (left !== undefined) throw new SyntaxError(`line ${blocks.at + 1}: ${left.text}`);
  return value;
}
