// A text field that searches while one types, and a list to choose from: by mouse, touch or keys
// (arrows, Enter, Escape), announced to screen readers.

const PAUSE = 150; // milliseconds without a key before a search

export class Combobox {
  /** `search(words, signal)` gives {options: [{value, label, hint, isChosen}], note}; `choose(option)`
      is told what was chosen, and answers whether the list stays open; `failed(error)` gives the
      sentence to show instead of a list. */
  constructor(input, list, { search, choose, failed }) {
    Object.assign(this, { input, list, search, choose, failed, options: [], active: -1 });
    this.asking = null; // the search under way
    this.timer = 0; // of the search that is to come
    this.takesFirst = false; // whether Enter was pressed before there was an answer
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-autocomplete", "list");
    input.setAttribute("aria-controls", list.id);
    input.autocomplete = "off";
    list.setAttribute("role", "listbox");
    input.addEventListener("focus", () => input.select());
    input.addEventListener("click", () => this.isPending() || this.open());
    input.addEventListener("input", () => this.soon());
    input.addEventListener("keydown", (event) => this.key(event));
    input.addEventListener("blur", () => this.close());
    // The field keeps the focus while one presses an entry.
    list.addEventListener("mousedown", (event) => event.preventDefault());
    this.close();
  }

  soon() {
    this.forget();
    this.timer = setTimeout(() => this.open(this.input.value.trim()), PAUSE);
  }

  /** What was found, or is being looked for, belongs to other words. Its entries stay to be seen
      until others come. */
  forget() {
    clearTimeout(this.timer);
    this.asking?.abort();
    Object.assign(this, { timer: 0, asking: null, takesFirst: false, options: [] });
    this.activate(-1);
  }

  isPending() {
    return this.timer !== 0 || this.asking !== null;
  }

  /** Search and show the list. On opening the field holds what is chosen, which is no search. */
  async open(words = "") {
    this.forget();
    const mine = new AbortController();
    this.asking = mine;
    let found;
    try {
      found = await this.search(words, mine.signal);
    } catch (error) {
      found = { options: [], note: this.failed(error) };
    }
    if (this.asking !== mine) return;
    this.asking = null;
    this.show(found.options, found.note);
    if (this.takesFirst) this.enter();
  }

  /** Choose the active entry; while a search is pending, the first that it will find. */
  enter() {
    if (this.timer) this.open(this.input.value.trim());
    this.takesFirst = this.isPending();
    if (!this.takesFirst && !this.list.hidden && this.active >= 0) this.take(this.options[this.active]);
  }

  show(options, note) {
    if (document.activeElement !== this.input) return;
    this.options = options;
    this.list.replaceChildren(...options.map((one, number) => this.entry(one, number)));
    if (note) {
      const line = document.createElement("li");
      line.className = "lp-combo-note";
      line.setAttribute("role", "presentation");
      line.textContent = note;
      this.list.append(line);
    }
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.activate(options.length ? 0 : -1);
  }

  entry(option, number) {
    const item = document.createElement("li");
    item.id = `${this.list.id}-${number}`;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", option.isChosen ? "true" : "false");
    const label = document.createElement("span");
    label.textContent = option.label;
    item.append(label);
    if (option.hint) {
      const hint = document.createElement("small");
      hint.textContent = option.hint;
      item.append(hint);
    }
    item.addEventListener("click", () => this.take(option));
    return item;
  }

  activate(number) {
    this.active = number;
    [...this.list.querySelectorAll("[role=option]")].forEach((item, at) => {
      item.classList.toggle("lp-active", at === number);
      if (at === number) item.scrollIntoView({ block: "nearest" });
    });
    if (number < 0) this.input.removeAttribute("aria-activedescendant");
    else this.input.setAttribute("aria-activedescendant", `${this.list.id}-${number}`);
  }

  key(event) {
    const last = this.options.length - 1;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (this.list.hidden && !this.isPending()) this.open();
      else if (last >= 0) this.activate(Math.max(0, Math.min(last, this.active + (event.key === "ArrowDown" ? 1 : -1))));
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.enter();
    } else if (event.key === "Escape" && !this.list.hidden) {
      event.stopPropagation();
      this.close();
    }
  }

  take(option) {
    if (this.choose(option)) this.open(this.input.value.trim());
    else this.close();
  }

  close() {
    this.forget();
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.closed?.();
  }
}
