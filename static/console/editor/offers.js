// What the editor offers at a place of the text. Pure.

const KEYWORDS =
  "SELECT FROM WHERE GROUP BY HAVING AND OR NOT IN IS NULL BETWEEN LIKE CASE WHEN THEN ELSE END AS " +
  "JOIN LEFT INNER ON USING WITH UNION ALL DISTINCT EXISTS CAST INTERVAL OVER PARTITION FILTER";
const WITHOUT_BRACKETS = new Set(["current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"]);
const MOST_COLUMNS = 500;

/** What fits behind `before`, the text up to the cursor, as {length, options, isAll}: `length`
    characters before the cursor are replaced, and with `isAll` nothing else fits there. Null where
    nothing fits. `known` is {text, columns, functions, tables}; `isAsked` says that somebody asked
    for it, and not only typed on. */
export function offersAt(before, known, { isAsked = false } = {}) {
  const placeholder = /(?:^|[^:\w]):(\w*)$/.exec(before);
  if (placeholder) {
    const options = [":fromTime", ":toTime"].map((label) => ({ label, type: "variable" }));
    return { length: placeholder[1].length + 1, options, isAll: true };
  }
  const alias = /\bAS\s+(\w*)$/i.exec(before);
  if (alias) return { length: alias[1].length, options: aliases(known, before, alias[1]), isAll: true };
  const word = /(^|[^\w."`])(\w*)$/.exec(before);
  if (!word || (!word[2] && !isAsked)) return null;
  const options = [...columns(known), ...functions(known), ...keywords()];
  return { length: word[2].length, options, isAll: false };
}

/** The output columns that the text has not named yet, in the order that they must have. */
function aliases({ text, columns }, before, typed) {
  const rest = before.slice(0, before.length - typed.length) + text.slice(before.length);
  const named = new Set([...rest.matchAll(/\bAS\s+(\w+)/gi)].map((match) => match[1].toUpperCase()));
  const missing = columns.filter((name) => !named.has(name));
  return missing.map((label, place) => ({ label, type: "constant", boost: 99 - place }));
}

/** The columns of those tables that the text names. */
function columns({ text, tables }) {
  const words = new Set(text.toLowerCase().match(/[\p{L}\p{N}_$]+/gu));
  const named = tables.filter((table) => words.has(table.name.toLowerCase()));
  const options = named.flatMap((table) => {
    return table.columns.map((column) => ({
      label: column.name,
      detail: `${table.name}, ${column.type}`,
      type: "property",
      boost: 20,
    }));
  });
  return options.slice(0, MOST_COLUMNS);
}

function functions({ functions: names }) {
  return names.map((label) => {
    return { label, type: "function", boost: -10, apply: WITHOUT_BRACKETS.has(label) ? label : `${label}(` };
  });
}

function keywords() {
  return KEYWORDS.split(" ").map((label) => ({ label, type: "keyword" }));
}

/** The tables as CodeMirror wants a schema: columns by table, by schema where there are schemas. */
export function schemaOf(tables) {
  const schema = {};
  for (const table of tables) {
    const columns = table.columns.map(({ name, type }) => ({ label: name, type: "property", detail: type }));
    if (table.schema) (schema[table.schema] ??= {})[table.name] = columns;
    else schema[table.name] = columns;
  }
  return schema;
}
