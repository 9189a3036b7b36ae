// The test query: what stands in the editor, saved or not, tried at the loader's source.

import { partsOf, summaryOf } from "./result.js";

const FIRST_LOOK = 400; // milliseconds
const LONGEST_LOOK = 2500;

/** Why no test query can be asked for now, as the name of a sentence; empty when it can. */
export function hindrance({ loader, source, isSaved, text }) {
  if (!loader) return "saveFirst";
  if (!source) return "sourceFirst";
  if (!isSaved) return "saveSource";
  if (!source.allowsTests) return "forbidden";
  return text.trim() ? "" : "nothing";
}

/** The button, the window's two fields, and below them what came of it. */
export class TestQuery {
  #execution = null; // the one that is waited for
  #isBusy = false;

  constructor({ api, facts, sources, writing, parts, words }) {
    Object.assign(this, { api, facts, sources, writing, parts, words });
    parts.run.addEventListener("click", () => this.#run());
    parts.stop.addEventListener("click", () => this.#stop());
    this.refresh();
  }

  /** Show whether it can be asked for. */
  refresh() {
    const { now: source, isSaved } = this.sources;
    const name = hindrance({ loader: this.facts.loader, source, isSaved, text: this.writing.text });
    this.parts.run.disabled = Boolean(name) || this.#isBusy;
    this.parts.reason.textContent = name ? this.words(name, { code: source?.code }) : this.words("testNote");
    this.parts.stop.hidden = this.#execution === null;
  }

  async #run() {
    this.#isBusy = true;
    this.refresh();
    this.#say(this.words("asked"), "");
    this.parts.result.replaceChildren();
    try {
      const body = { sql: this.writing.text, fromTime: utc(this.parts.from), toTime: utc(this.parts.to) };
      const path = `/loaders/${encodeURIComponent(this.facts.loader)}/test-query`;
      this.#execution = (await this.api.post(path, body)).executionId;
      this.refresh();
      this.#show(await this.#ended(this.#execution));
    } catch (refusal) {
      if (refusal.status === undefined) throw refusal;
      this.#say(refusal.message, "bad");
    } finally {
      this.#execution = null;
      this.#isBusy = false;
      this.refresh();
    }
  }

  /** Look until it has ended; the looks grow rarer, since all requests share one limit. */
  async #ended(execution) {
    for (let wait = FIRST_LOOK; ; wait = Math.min(LONGEST_LOOK, wait * 1.4)) {
      await rest(wait);
      try {
        const trial = await this.api.get(`/executions/${execution}/trial`);
        if (trial.status !== "RUNNING") return trial;
        this.#say(this.words(`stage-${trial.stage}`, { rows: trial.rowsSoFar }), "");
      } catch (refusal) {
        const passes = refusal.status === 429 || refusal.status === 0 || refusal.status >= 500;
        if (!passes) throw refusal;
        const seconds = refusal.wait ?? 5;
        this.#say(this.words("lookLater", { seconds }), "");
        await rest(seconds * 1000);
      }
    }
  }

  #show({ status, report }) {
    if (!report) return this.#say(this.words(status === "CANCELLED" ? "cancelled" : "noReport"), "bad");
    this.parts.result.replaceChildren(...partsOf(report, this.words));
    if (report.failureCode) this.#say(`${report.failureCode}: ${report.failureMessage}`, "bad");
    else this.#say(summaryOf(report, this.words), "good");
  }

  async #stop() {
    this.parts.stop.hidden = true;
    try {
      await this.api.post(`/executions/${this.#execution}/cancel`, {});
    } catch (refusal) {
      if (refusal.status === undefined) throw refusal;
      this.#say(refusal.message, "bad");
    }
  }

  #say(sentence, tone) {
    this.parts.told.textContent = sentence;
    this.parts.told.dataset.tone = tone;
  }
}

/** What a field says, which is meant in UTC; null for an empty one. */
function utc(field) {
  return field.value ? `${field.value}Z` : null;
}

function rest(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}
