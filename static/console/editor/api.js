// The portal's API, asked in the session of whoever looks at the page.

/** An answer that is none: its sentence says what to do. `wait` is in seconds, if it says how long. */
export class Refusal extends Error {
  constructor(sentence, { status = 0, code = "", wait = null } = {}) {
    super(sentence);
    this.status = status;
    this.code = code;
    this.wait = wait;
  }
}

/** Asks the API below `prefix`; `form` has the token that a POST needs. */
export class Api {
  constructor(prefix, form, words) {
    this.prefix = prefix;
    this.form = form;
    this.words = words;
  }

  get(path, signal) {
    return this.#ask(path, { signal });
  }

  post(path, body, signal) {
    const token = this.form.elements.namedItem("csrfmiddlewaretoken").value;
    const headers = { "Content-Type": "application/json", "X-CSRFToken": token };
    return this.#ask(path, { method: "POST", headers, body: JSON.stringify(body), signal });
  }

  /** The answer's body. Raises Refusal, and AbortError when called off. */
  async #ask(path, options) {
    let answer;
    try {
      const headers = { Accept: "application/json", ...options.headers };
      answer = await fetch(this.prefix + path, { ...options, headers, credentials: "same-origin" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refusal(this.words("unreachable"));
    }
    if (answer.status === 401) throw new Refusal(this.words("signedOut"), { status: 401 });
    const isJson = /json/.test(answer.headers.get("Content-Type") || "");
    const body = isJson ? await answer.json() : {};
    if (answer.ok && isJson) return body;
    const wait = Number(answer.headers.get("Retry-After")) || null;
    const sentence = sentenceOf(body) || this.words("failed");
    throw new Refusal(sentence, { status: answer.status, code: body.code || "", wait });
  }
}

function sentenceOf(problem) {
  const found = Object.values(problem.errors || {}).flat();
  const told = [problem.detail, ...found.map((one) => one?.message ?? one)];
  return told.filter((one) => typeof one === "string").join(" ");
}
