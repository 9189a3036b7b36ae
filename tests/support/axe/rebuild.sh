#!/bin/sh
# Fetch axe.min.js anew from the version named here. Needs npm and the network. Only tests use it.
set -eu
version=4.14.1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm pack --silent "axe-core@$version" >/dev/null
tar xzf "axe-core-$version.tgz"
cp package/axe.min.js "$here"
cat package/LICENSE package/LICENSE-3RD-PARTY.txt >"$here/LICENSES.txt"
