// What the guard found: underlined in the text, and told below it.

import { setDiagnostics } from "../../vendor/codemirror/codemirror.js";
import { element } from "./elements.js";
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
    const className = `lp-badge ${severity === "error" ? "lp-bad" : "lp-waiting"}`;
    const tone = element("span", { className, textContent: this.words(severity) });
    const told = element("span", {}, [element("b", { textContent: code }), ` ${message}`]);
    const row = element("li", {}, [tone, told]);
    if (place) {
      const textContent = this.words("place", { line, column });
      const button = element("button", { type: "button", className: "lp-link", textContent });
      button.addEventListener("click", () => this.writing.goTo(place.from, place.to));
      row.append(button);
    }
    return row;
  }
}
