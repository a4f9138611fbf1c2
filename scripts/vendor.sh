#!/usr/bin/env bash
# Fetches the libraries of the page in the versions of api/page/package-lock.json, whose
# hashes npm checks, and puts each as one ES module into api/page/lib, with their licences
# and a list of hashes. What is there is committed: nobody needs npm to build or run bpsc.
#
# usage: scripts/vendor.sh           what package-lock.json says
#        scripts/vendor.sh --lock    first make it anew from package.json
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/prerequisites.sh
. "$root/scripts/prerequisites.sh"
need_certificates
need_commands npm=npm node=nodejs

page=$root/api/page
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
cp "$page/package.json" "$work"
if [ "${1-}" = --lock ]; then
  # Where a package comes from is each machine's own setting.
  (cd "$work" && npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund --silent)
  cp "$work/package-lock.json" "$page"
fi
cp "$page/package-lock.json" "$work"
cd "$work"
npm ci --ignore-scripts --no-audit --no-fund --silent

lib=$work/lib
mkdir "$lib"

# bundle NAME TEXT [OPTION...]: one module out of one that says what it hands on.
bundle() {
  local name=$1 text=$2
  shift 2
  printf '%s\n' "$text" >"$work/$name.entry.mjs"
  npx --no-install esbuild "$work/$name.entry.mjs" --bundle --format=esm --target=es2022 --minify \
    --legal-comments=none --define:process.env.NODE_ENV='"production"' --log-level=warning "$@" --outfile="$lib/$name.mjs"
}

bundle preact 'export * from "preact"'
bundle hooks 'export * from "./node_modules/preact/hooks/dist/hooks.mjs"' --external:preact
# Browsers know no bare names, and a map of them would be an inline script.
sed -i 's|from"preact"|from"./preact.mjs"|' "$lib/hooks.mjs"
bundle htm 'export { default } from "htm"'
bundle uplot 'export { default } from "uplot"'
bundle lean-qr 'export { generate, correction } from "lean-qr"'
bundle virtual-core 'export { Virtualizer, elementScroll, observeElementOffset, observeElementRect, observeWindowOffset, observeWindowRect, windowScroll } from "@tanstack/virtual-core"'
bundle ed25519 'export * from "@noble/ed25519"'
bundle sha2 'export { sha256, sha512 } from "@noble/hashes/sha2.js"'
# Key files are under a passphrase: the curves and lattices of age's other recipients, half of
# its size, are left out.
printf 'export const MLKEM768P256 = undefined, MLKEM768X25519 = undefined, p256 = undefined;\n' >"$work/none.mjs"
bundle age 'export { Decrypter, armor } from "age-encryption"' \
  --alias:@noble/post-quantum/hybrid.js="$work/none.mjs" --alias:@noble/curves/nist.js="$work/none.mjs"
cp node_modules/uplot/dist/uPlot.min.css "$lib/uplot.css"

# A licence for each package of which something is in a module.
{
  echo "The modules beside this file are made of these packages, each under its licence."
  for package in preact htm uplot lean-qr @tanstack/virtual-core @noble/ed25519 @noble/hashes \
    age-encryption @noble/ciphers @noble/curves @noble/post-quantum @scure/base; do
    version=$(node -p "require('./node_modules/$package/package.json').version")
    printf '\n== %s %s ==\n\n' "$package" "$version"
    cat "node_modules/$package/LICENSE"
  done
} >"$lib/LICENSES.txt"

rm -rf "${page:?}/lib"
mv "$lib" "$page/lib"
cd "$page"
LC_ALL=C find lib -type f | LC_ALL=C sort | xargs sha256sum >lib.sha256
gzip -9 -c lib/*.mjs | wc -c | xargs printf 'api/page/lib: %s bytes compressed\n'
