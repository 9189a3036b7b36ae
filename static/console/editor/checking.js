// The guard's opinion of what is being typed: asked when typing pauses, never twice at a time, and
// no answer about an older text is shown.

const PAUSE = 500; // milliseconds without a key after which the text is worth a question
const GAP = 1500; // between two questions: all of a user's requests share one limit
const FIRST_WAIT = 5; // seconds after an answer that was none
const LONGEST_WAIT = 60;

/** Calls `ask(signal)` some time after each `soon()`. It shows what it finds by itself, and returns
    false where there was nothing to ask. A Refusal of it goes to `refused(refusal, seconds)`, and
    the question is put again after so many seconds; without that many (null) it is not. */
export class Checking {
  #timer = 0;
  #asking = null;
  #last = -Infinity;
  #failures = 0;
  #restsUntil = 0;

  constructor(ask, refused) {
    this.ask = ask;
    this.refused = refused;
  }

  /** The text has changed, or what it is read by (`now`: no more typing is waited for). */
  soon({ now = false } = {}) {
    this.#asking?.abort();
    this.#asking = null;
    const time = performance.now();
    const earliest = Math.max(this.#last + GAP, this.#restsUntil) - time;
    this.#wait(Math.max(now ? 0 : PAUSE, earliest));
  }

  #wait(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#put(), milliseconds);
  }

  async #put() {
    const mine = new AbortController();
    this.#asking = mine;
    try {
      const isAsked = await this.ask(mine.signal);
      if (isAsked !== false) this.#last = performance.now();
      this.#failures = 0;
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error.status === undefined) throw error;
      if (this.#asking === mine) this.#pause(error);
    } finally {
      if (this.#asking === mine) this.#asking = null;
    }
  }

  #pause(refusal) {
    const isFinal = refusal.status >= 400 && refusal.status < 500 && refusal.status !== 429;
    if (isFinal) return this.refused(refusal, null);
    const seconds = refusal.wait ?? Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#failures);
    this.#failures += 1;
    this.#restsUntil = performance.now() + seconds * 1000;
    this.refused(refusal, seconds);
    this.#wait(seconds * 1000);
  }
}
