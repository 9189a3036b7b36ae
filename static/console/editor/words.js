// The editor's sentences. They stand in the template, where they are translated.

/** A function that gives the sentence of a name with its {places} filled in. */
export function wordsOf(template) {
  const found = new Map([...template.content.children].map((one) => [one.dataset.name, one.textContent]));
  return (name, places = {}) => {
    const sentence = found.get(name);
    if (sentence === undefined) throw new Error(`The template has no words ${name}.`);
    return sentence.replace(/\{(\w+)\}/g, (_, place) => String(places[place]));
  };
}
