// The page's sentences. They stand in the template, where they are translated.

const texts = new Map(
  [...document.getElementById("explorer-texts").content.children].map((one) => [
    one.dataset.name,
    one.textContent,
  ]),
);

/** The sentence of this name, with its {places} filled in. */
export function text(name, places = {}) {
  const found = texts.get(name);
  if (found === undefined) throw new Error(`The template has no text ${name}.`);
  return found.replace(/\{(\w+)\}/g, (_, place) => String(places[place]));
}

/** A count with its thousands told apart. */
export function count(number) {
  return number.toLocaleString("en");
}

const formats = [6, 3, 1].map((maximumFractionDigits) => {
  return new Intl.NumberFormat("en", { maximumFractionDigits });
});

/** A value, with as many digits as tell something. */
export function value(number) {
  if (number === null || number === undefined) return "–";
  const size = Math.abs(number);
  return formats[size >= 1000 ? 2 : size >= 1 ? 1 : 0].format(number);
}
