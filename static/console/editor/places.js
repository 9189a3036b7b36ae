// From the guard's line and column to places in the text. Pure.

const WORD = /^(?:[\p{L}\p{N}_$]+|"[^"\n]*"|`[^`\n]*`|'[^'\n]*'|\S)/u;

/** Where a finding stands in the text, as {from, to}: its word, or the line's end where nothing
    follows. Lines and columns count from 1, columns in characters and not in UTF-16 units. A place
    that the text has no longer moves to its end; null for a finding without a line. */
export function placeOf(text, { line, column }) {
  if (!line) return null;
  const lines = text.split("\n");
  const number = Math.min(line, lines.length);
  const start = lines.slice(0, number - 1).reduce((total, one) => total + one.length + 1, 0);
  const content = lines[number - 1];
  const before = [...content].slice(0, Math.max(0, (column || 1) - 1)).join("");
  const word = WORD.exec(content.slice(before.length));
  const from = start + before.length;
  if (word) return { from, to: from + word[0].length };
  return { from: Math.max(start, from - 1), to: from };
}

/** Errors before warnings, each with its place; what the editor underlines and lists. */
export function located(text, verdict) {
  const of = (severity) => (finding) => ({ ...finding, severity, place: placeOf(text, finding) });
  return [...verdict.errors.map(of("error")), ...verdict.warnings.map(of("warning"))];
}
