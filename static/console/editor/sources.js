// Which source the form names now, and in which dialect its SQL is written.

import { MySQL, PostgreSQL } from "../../vendor/codemirror/codemirror.js";

const DIALECTS = { MYSQL: MySQL, POSTGRESQL: PostgreSQL };
const NAMES = { MYSQL: "MySQL", POSTGRESQL: "PostgreSQL" };

/** Follows the form's choice of a source; where the form has none, the loader's own stands. */
export class Sources {
  constructor(form, facts) {
    this.facts = facts;
    this.choice = form.elements.namedItem("source_database");
  }

  /** What is known of the source that is named now; null where none is. */
  get now() {
    const id = this.choice ? this.choice.value : this.facts.source;
    return this.facts.sources[id] ?? null;
  }

  /** Whether the form names the source that is stored. */
  get isSaved() {
    return !this.choice || this.choice.value === this.facts.source;
  }

  /** Whose SQL is written; PostgreSQL's, which is nearest to the standard, while no source is named. */
  get grammar() {
    return this.now?.grammar ?? "POSTGRESQL";
  }

  /** The language as the editor knows it. */
  get dialect() {
    return DIALECTS[this.grammar];
  }

  /** What people call it. */
  get dialectName() {
    return NAMES[this.grammar];
  }

  onChange(act) {
    this.choice?.addEventListener("change", act);
  }
}
