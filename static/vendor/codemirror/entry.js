// The parts of CodeMirror that the SQL editor is made of; everything else is left out of the bundle.
export { indentWithTab } from "@codemirror/commands";
export { MySQL, PostgreSQL, schemaCompletionSource } from "@codemirror/lang-sql";
export { HighlightStyle, syntaxHighlighting, syntaxTree } from "@codemirror/language";
export { lintGutter, setDiagnostics } from "@codemirror/lint";
export { Compartment, EditorState } from "@codemirror/state";
export { Decoration, EditorView, MatchDecorator, ViewPlugin, keymap } from "@codemirror/view";
export { tags } from "@lezer/highlight";
export { basicSetup } from "codemirror";
