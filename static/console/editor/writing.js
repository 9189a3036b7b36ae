// The editor in place of the text area, which goes on being what the form sends.

import {
  Compartment,
  EditorState,
  EditorView,
  basicSetup,
  indentWithTab,
  keymap,
} from "../../vendor/codemirror/codemirror.js";
import { look } from "./look.js";

const NARROW = matchMedia("(max-width: 700px)");

/** An editor over the text area; `frame` shows it, `label` and `described` name it for those who
    don't see it. `changed` is called after each change of the text. */
export class Writing {
  constructor({ textarea, parent, described, changed }) {
    this.textarea = textarea;
    this.changed = changed;
    this.language = new Compartment();
    this.wrapping = new Compartment();
    const label = textarea.labels[0];
    this.view = new EditorView({
      parent,
      state: EditorState.create({
        doc: textarea.value,
        extensions: [
          keymap.of([indentWithTab]),
          basicSetup,
          look,
          this.language.of([]),
          this.wrapping.of(wrapping()),
          EditorView.contentAttributes.of({
            "aria-label": label ? label.textContent.trim() : "SQL",
            tabindex: "0",
            "aria-describedby": described.join(" "),
          }),
          EditorView.updateListener.of((update) => update.docChanged && this.#follow()),
        ],
      }),
    });
    label?.addEventListener("click", () => this.view.focus());
    textarea.addEventListener("input", () => this.#takeOver());
    // A browser may put the text of an earlier visit back after the scripts have run.
    addEventListener("pageshow", () => this.#takeOver());
    NARROW.addEventListener("change", () => {
      this.view.dispatch({ effects: this.wrapping.reconfigure(wrapping()) });
    });
  }

  /** The text as it stands. */
  get text() {
    return this.view.state.doc.toString();
  }

  /** Use another language. */
  speak(extensions) {
    this.view.dispatch({ effects: this.language.reconfigure(extensions) });
  }

  /** Go to a place of the text and show it. */
  goTo(from, to) {
    this.view.dispatch({ selection: { anchor: from, head: to }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
    this.view.focus();
  }

  /** The form hears of a change as if it had been typed into the text area. */
  #follow() {
    this.textarea.value = this.text;
    this.textarea.dispatchEvent(new Event("input", { bubbles: true }));
    this.changed();
  }

  #takeOver() {
    const given = this.textarea.value;
    if (given === this.text) return;
    this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: given } });
  }
}

function wrapping() {
  return NARROW.matches ? EditorView.lineWrapping : [];
}
