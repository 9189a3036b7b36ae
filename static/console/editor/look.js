// How the editor looks. Colours are variables of the style sheet, so that light and dark follow the
// console's switch by themselves.

import {
  Decoration,
  EditorView,
  HighlightStyle,
  MatchDecorator,
  ViewPlugin,
  syntaxHighlighting,
  tags,
} from "../../vendor/codemirror/codemirror.js";

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.modifier, tags.operatorKeyword], color: "var(--lp-sql-keyword)", fontWeight: "600" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--lp-sql-string)" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: "var(--lp-sql-number)" },
  { tag: [tags.typeName, tags.standard(tags.name)], color: "var(--lp-sql-type)" },
  { tag: [tags.comment, tags.lineComment, tags.blockComment], color: "var(--lp-sql-comment)", fontStyle: "italic" },
  { tag: [tags.special(tags.name)], color: "var(--lp-sql-special)" },
]);

const frame = EditorView.theme({
  "&": { backgroundColor: "transparent", color: "var(--lp-strong)", fontSize: "13px" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "inherit", lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--lp-strong)", padding: "8px 0" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--lp-strong)" },
  ".cm-gutters": { backgroundColor: "var(--lp-soft)", borderRight: "1px solid var(--lp-line)", color: "var(--lp-faint)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--lp-sql-line)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground, ::selection": {
    backgroundColor: "var(--lp-sql-selected)",
  },
  ".cm-selectionMatch, .cm-matchingBracket, &.cm-focused .cm-matchingBracket": { backgroundColor: "var(--lp-sql-match)" },
  ".cm-tooltip": {
    backgroundColor: "var(--lp-sql-panel)",
    border: "1px solid var(--lp-line)",
    borderRadius: "6px",
    color: "var(--lp-strong)",
    maxWidth: "min(32rem, 90vw)",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "inherit", maxHeight: "15em" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "3px 8px" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--color-primary-600)", color: "#fff" },
  ".cm-tooltip-autocomplete ul li[aria-selected] .cm-completionDetail": { color: "#fff" },
  ".cm-completionDetail": { color: "var(--lp-faint)", fontStyle: "normal" },
  ".cm-completionMatchedText": { fontWeight: "700", textDecoration: "none" },
  ".cm-panels": { backgroundColor: "var(--lp-soft)", color: "var(--lp-strong)" },
  ".cm-panel input, .cm-panel button, .cm-panel label": { fontSize: "12px" },
  ".cm-textfield": { backgroundColor: "var(--lp-sql-panel)", border: "1px solid var(--lp-line)" },
  ".cm-button": { backgroundColor: "var(--lp-sql-panel)", backgroundImage: "none", border: "1px solid var(--lp-line)" },
  ".cm-searchMatch": { backgroundColor: "var(--lp-waiting-back)" },
  ".cm-foldPlaceholder": { backgroundColor: "var(--lp-quiet-back)", border: "0", color: "var(--lp-quiet)" },
  ".cm-diagnostic": { padding: "4px 10px" },
});

const placeholders = new MatchDecorator({
  regexp: /(?<![:\w]):(?:fromTime|toTime)\b/g,
  decoration: Decoration.mark({ class: "lp-sql-placeholder" }),
});
const marked = ViewPlugin.define(
  (view) => ({
    marks: placeholders.createDeco(view),
    update(change) {
      this.marks = placeholders.updateDeco(change, this.marks);
    },
  }),
  { decorations: (plugin) => plugin.marks },
);

/** Theme, colours, and marks on the placeholders of the window. */
export const look = [frame, syntaxHighlighting(colours), marked];
