# shellcheck shell=bash
# What the scripts need from the machine. Sourced, not run. Missing packages
# are installed with apt-get where there is one (Debian, Ubuntu); elsewhere the
# script says what to install and stops.

# die prints one plain sentence and ends the script.
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# need_commands COMMAND=PACKAGE... installs the packages of missing commands.
need_commands() {
  local pair missing=() as_root=()
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null 2>&1 || missing+=("${pair#*=}")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0

  command -v apt-get >/dev/null 2>&1 || die "please install: ${missing[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || die "please install, as root: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  echo "installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# need_certificates makes sure that downloads over TLS can be checked.
need_certificates() {
  [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -d /etc/pki ] || [ "$(uname)" != Linux ] ||
    need_commands no-such-command=ca-certificates
}

# need_promtool ROOT puts promtool into PATH, which judges metrics and alerts. Debian's
# package of Prometheus would install a server with its service and the libraries of its
# page, so only this one program is taken out of it, and kept in ROOT/.bpsc/tools.
need_promtool() {
  local tools=$1/.bpsc/tools dir as_root=()
  export PATH="$tools:$PATH"
  ! command -v promtool >/dev/null 2>&1 || return 0

  if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-deb >/dev/null 2>&1; then
    die "please install promtool, which is part of Prometheus: https://prometheus.io/download/"
  fi
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  echo "fetching promtool"
  dir=$(mktemp -d)
  "${as_root[@]}" apt-get update -qq
  (cd "$dir" && apt-get download -qq prometheus 2>/dev/null)
  mkdir -p "$tools"
  dpkg-deb --fsys-tarfile "$dir"/prometheus_*.deb | tar -xO ./usr/bin/promtool >"$dir/promtool"
  chmod +x "$dir/promtool"
  mv "$dir/promtool" "$tools/promtool"
  rm -r "$dir"
}

# need_node ROOT puts a node of version 20 or newer into PATH, and npm. Debian 12 has an
# older one, and npm's registry has the program itself as a package, kept in ROOT/.bpsc/tools.
need_node() {
  local tools=$1/.bpsc/tools/node arch
  need_commands node=nodejs npm=npm
  [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ] || return 0

  arch=$(node -p 'process.arch')
  if [ ! -x "$tools/node_modules/node-linux-$arch/bin/node" ]; then
    echo "fetching node"
    npm install --prefix "$tools" --no-save --no-audit --no-fund --silent --ignore-scripts "node-linux-$arch@22"
  fi
  export PATH="$tools/node_modules/node-linux-$arch/bin:$PATH"
}

# need_go ROOT checks for the Go version that ROOT/go.mod asks for.
need_go() {
  local wanted have
  # Where the official archive unpacks to; a fresh shell may lack it in PATH.
  if ! command -v go >/dev/null 2>&1 && [ -x /usr/local/go/bin/go ]; then
    export PATH="$PATH:/usr/local/go/bin"
  fi
  wanted=$(awk '$1 == "go" { print $2; exit }' "$1/go.mod")
  command -v go >/dev/null 2>&1 ||
    die "Go is not installed; bpsc is built with Go $wanted or newer: https://go.dev/dl/"
  have=$(cd "$1" && go env GOVERSION) || die "Go $wanted or newer is needed: https://go.dev/dl/"
  have=${have#go}
  [ "$(printf '%s\n%s\n' "$wanted" "${have%% *}" | sort -V | head -n 1)" = "$wanted" ] ||
    die "Go $wanted or newer is needed, this is Go $have: https://go.dev/dl/"
}
