#!/bin/sh
# Bundle echarts.js anew from the versions that package.json pins. Needs Node 18 or newer with npm,
# and the network. Node's packages go to a folder that is removed again; no lock file is written.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/package.json" "$here/entry.js" "$work"
cd "$work"
npm install --no-package-lock --no-audit --no-fund --loglevel=error
npx esbuild entry.js --bundle --minify --format=esm --target=es2020 --legal-comments=none \
	--banner:js='/*! Apache ECharts 6.1.0 (Apache-2.0), zrender 6.1.0 (BSD-3-Clause), tslib 2.3.0 (0BSD): see LICENSES.txt */' \
	--outfile="$here/echarts.js" --log-level=warning
{
	printf 'Apache ECharts\n==============\n\n'
	cat node_modules/echarts/LICENSE
	printf '\nNOTICE of Apache ECharts\n========================\n\n'
	cat node_modules/echarts/NOTICE
	printf '\nzrender\n=======\n\n'
	cat node_modules/zrender/LICENSE
	printf '\ntslib\n=====\n\n'
	cat node_modules/tslib/LICENSE.txt
} >"$here/LICENSES.txt"
wc -c "$here/echarts.js"
