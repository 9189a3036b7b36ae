// Completion: what the guard lets pass, what a loader must name, and what the source has.

import { schemaCompletionSource, syntaxTree } from "../../vendor/codemirror/codemirror.js";
import { offersAt, schemaOf } from "./offers.js";

const TOLD = new Set(["String", "LineComment", "BlockComment"]);

/** The language's extensions with completion from `facts` and from the source's tables. */
export function languageOf({ dialect, grammar, facts, catalogue }) {
  const tables = catalogue?.tables ?? [];
  const { language } = dialect;
  const known = { columns: facts.columns, functions: facts.functions[grammar] ?? [], tables };

  function found({ state, pos, explicit }) {
    if (TOLD.has(syntaxTree(state).resolveInner(pos, -1).name)) return null;
    const text = state.doc.toString();
    return offersAt(text.slice(0, pos), { ...known, text }, { isAsked: explicit });
  }

  function ours(context) {
    const offers = found(context);
    return offers && { from: context.pos - offers.length, options: offers.options, validFor: /^:?\w*$/ };
  }

  const extensions = [dialect.extension, language.data.of({ autocomplete: ours })];
  if (tables.length) {
    const schema = schemaOf(tables);
    const defaultSchema = catalogue.defaultSchema || undefined;
    const named = schemaCompletionSource({ dialect, schema, defaultSchema });
    const others = (context) => (found(context)?.isAll ? null : named(context));
    extensions.push(language.data.of({ autocomplete: others }));
  }
  return extensions;
}

/** The catalogues of sources, each asked for once. What can't be read is said in `note`, and the
    editor goes on without. */
export class Catalogues {
  #found = new Map();
  #isWanted = false;

  constructor({ api, note, words, changed }) {
    this.api = api;
    this.note = note;
    this.words = words;
    this.changed = changed;
  }

  /** Somebody writes: from now on the source is asked. */
  want(source) {
    this.#isWanted = true;
    this.of(source);
  }

  /** The catalogue of a source as far as it is there. */
  of(source) {
    if (!source?.tellsTables) {
      this.note.textContent = "";
      return null;
    }
    const found = this.#found.get(source.code);
    if (found === undefined && this.#isWanted) this.#ask(source.code);
    this.note.textContent = found?.remark ?? "";
    return found?.tables ? found : null;
  }

  async #ask(code) {
    this.#found.set(code, {});
    try {
      const found = await this.api.get(`/admin/res/db-sources/${encodeURIComponent(code)}/catalogue`);
      const remark = found.isCut ? this.words("tablesCut", { code }) : "";
      this.#found.set(code, { ...found, remark });
    } catch (refusal) {
      if (refusal.status === undefined) throw refusal;
      this.#found.set(code, { remark: this.words("noTables", { reason: refusal.message }) });
    }
    this.changed();
  }
}
