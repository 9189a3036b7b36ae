// What the guard found: underlined in the text, and told below it.

import { setDiagnostics } from "../../vendor/codemirror/codemirror.js";
import { located } from "./places.js";

/** Shows verdicts in a list and in the editor's text. */
export class Findings {
  constructor({ writing, list, status, words }) {
    this.writing = writing;
    this.list = list;
    this.status = status;
    this.words = words;
  }

  /** A verdict about the text as it stands. */
  show(verdict) {
    const found = located(this.writing.text, verdict);
    const { errors, warnings } = verdict;
    this.#mark(found);
    this.list.replaceChildren(...found.map((one) => this.#row(one)));
    const name = errors.length ? "errors" : warnings.length ? "warningsOnly" : "fine";
    this.say(this.words(name, { errors: errors.length, warnings: warnings.length }), errors.length ? "bad" : "good");
  }

  /** Nothing is known of the text; the sentence says why. */
  clear(sentence) {
    this.#mark([]);
    this.list.replaceChildren();
    this.say(sentence, "");
  }

  /** A sentence about the checking; what was found before stays. */
  say(sentence, tone) {
    if (this.status.textContent !== sentence) this.status.textContent = sentence;
    this.status.dataset.tone = tone;
  }

  #mark(found) {
    const diagnostics = found.flatMap(({ place, severity, message, code }) => {
      return place ? [{ ...place, severity, message, source: code }] : [];
    });
    const { view } = this.writing;
    view.dispatch(setDiagnostics(view.state, diagnostics));
  }

  #row({ severity, code, message, line, column, place }) {
    const row = document.createElement("li");
    const tone = document.createElement("span");
    tone.className = `lp-badge ${severity === "error" ? "lp-bad" : "lp-waiting"}`;
    tone.textContent = this.words(severity);
    const told = document.createElement("span");
    const name = document.createElement("b");
    name.textContent = code;
    told.append(name, ` ${message}`);
    row.append(tone, told);
    if (place) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "lp-link";
      button.textContent = this.words("place", { line, column });
      button.addEventListener("click", () => this.writing.goTo(place.from, place.to));
      row.append(button);
    }
    return row;
  }
}
