#!/bin/sh
# Bundle codemirror.js anew from the versions that package.json pins. Needs Node 18 or newer with
# npm, and the network. Node's packages go to a folder that is removed again; no lock file is written.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/package.json" "$here/entry.js" "$work"
cd "$work"
npm install --no-package-lock --no-audit --no-fund --loglevel=error
npx esbuild entry.js --bundle --minify --format=esm --target=es2020 --legal-comments=none \
	--banner:js='/*! CodeMirror 6 (MIT), Lezer (MIT) and what they stand on (MIT): see LICENSES.txt */' \
	--outfile="$here/codemirror.js" --log-level=warning
for package in codemirror @codemirror/autocomplete @codemirror/commands @codemirror/lang-sql \
	@codemirror/language @codemirror/lint @codemirror/search @codemirror/state @codemirror/view \
	@lezer/common @lezer/highlight @lezer/lr @marijn/find-cluster-break crelt style-mod w3c-keyname
do
	name="$package $(node -p "require('./node_modules/$package/package.json').version")"
	printf '%s\n%s\n\n' "$name" "$(printf '%s' "$name" | tr -c '' '=')"
	cat "node_modules/$package/LICENSE"
	printf '\n'
done >"$here/LICENSES.txt"
wc -c "$here/codemirror.js"
