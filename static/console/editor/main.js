// Makes an editor of the form's SQL field. Without scripts the text area stays what it is.

import { Api } from "./api.js";
import { Checking } from "./checking.js";
import { Catalogues, languageOf } from "./completing.js";
import { Findings } from "./findings.js";
import { Sources } from "./sources.js";
import { TestQuery } from "./trial.js";
import { wordsOf } from "./words.js";
import { Writing } from "./writing.js";

function start(root) {
  const facts = JSON.parse(document.getElementById("sql-editor-facts").textContent);
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const words = wordsOf(part("words"));
  const textarea = root.querySelector("textarea");
  const { form } = textarea;
  const api = new Api(facts.api, form, words);
  const sources = new Sources(form, facts);

  const help = document.getElementById(`${textarea.id}_helptext`);
  const described = [part("status").id, part("keys").id, ...(help ? [help.id] : [])];
  const writing = new Writing({ textarea, parent: part("text"), described, changed });
  const findings = new Findings({ writing, list: part("findings"), status: part("status"), words });
  const checking = new Checking(check, (refusal, seconds) => {
    const name = refusal.status === 429 ? "paused" : seconds === null ? "unchecked" : "later";
    findings.say(words(name, { seconds, reason: refusal.message }), "");
  });

  // The page tells what the guard says of the stored text, which is not the one in sight any more.
  const stored = document.querySelector(".lp-guard")?.closest(".form-row");

  function changed() {
    if (stored) stored.hidden = writing.text !== textarea.defaultValue;
    checking.soon();
    trial.refresh();
  }

  async function check(signal) {
    const { text } = writing;
    if (!sources.now) findings.clear(words("noSource"));
    else if (!text.trim()) findings.clear(words("nothing"));
    else {
      const verdict = await api.post("/sql/validate", { sql: text, dbType: sources.now.kind }, signal);
      // The answer is about the text that was sent: a later change has called it off.
      findings.show(verdict);
      return true;
    }
    return false;
  }

  const parts = Object.fromEntries(
    ["run", "stop", "reason", "from", "to", "told", "result"].map((name) => [name, part(`test-${name}`)]),
  );
  const trial = new TestQuery({ api, facts, sources, writing, parts, words });
  const catalogues = new Catalogues({ api, note: part("tables"), words, changed: speak });

  function speak() {
    const { dialect, grammar } = sources;
    writing.speak(languageOf({ dialect, grammar, facts, catalogue: catalogues.of(sources.now) }));
  }

  function follow() {
    const source = sources.now;
    speak();
    part("dialect").textContent = source
      ? words("dialect", { dialect: sources.dialectName, code: source.code })
      : "";
    checking.soon({ now: true });
    trial.refresh();
  }

  textarea.hidden = true;
  part("frame").hidden = false;
  part("test").hidden = false;
  sources.onChange(follow);
  part("text").addEventListener("focusin", () => catalogues.want(sources.now), { once: true });
  follow();
}

for (const root of document.querySelectorAll("[data-sql-editor]")) start(root);
