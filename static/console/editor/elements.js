// Elements with texts; nothing that came from a source is ever read as markup.

/** An element of this tag with properties and children; attributes under `attributes`. */
export function element(tag, { attributes = {}, ...properties } = {}, children = []) {
  const made = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
