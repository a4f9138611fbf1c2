#!/usr/bin/env bash
# A cluster of BPSC members on this machine, and followers of it: start it, look
# at it, kill its leader, stop it. Run it without arguments for help.
set -euo pipefail

here=$(dirname "$0")
root=$(cd "$here/.." && pwd)
# shellcheck source=scripts/prerequisites.sh
. "$root/scripts/prerequisites.sh"
# shellcheck source=scripts/members.sh
. "$root/scripts/members.sh"

usage() {
  cat <<'TEXT'
usage: scripts/cluster.sh COMMAND

  up [OPTIONS]   build, start every member, wait until a leader serves;
                 with data from before: resume, and start only what is dead
  env            the lines by which a shell finds bpsc and the cluster, as up prints
                 them: eval "$(scripts/cluster.sh env)"
  status         what runs, who leads
  kill-leader    kill -9 the leader and wait for the next one
  restart-dead   start what is dead
  add            start another member and add it to the cluster
  replace N      erase the disk of member N (n2), and have an empty one take its place
  down           stop everything; the data stays
  demo           the whole story on a cluster of its own: transfer, block, chain,
                 followers, a killed leader, and the chain goes on; with
                 --wallets signed, the story of signed wallets, holds and refunds

options of up:
  --followers 2        nodes outside the cluster, on the ports after the first
                       member's (5001, 5002): each has a verified copy of the chain,
                       relays transactions and keeps a chain of its own

options of the first up (a contract is fixed for ever when its chain begins):
  --every 1s           a block every second      (schedule A)
  --transactions 10    a block every 10 records  (schedule B; both: C)
                       neither: a block on request, with GET /mine
  --wallets open       open: names are free text, nothing is signed
                       signed: keys for issuer, treasurer, alice, bob and carol are
                       made beside the data, and the issuer gets a supply of 1,000,000
  --token aka  --decimals 6  --fee-ppm 50

environment:
  BPSC_PORT       API port of the first member (5000); the others are 10 apart
  BPSC_RAFT_PORT  Raft port of the first member (BPSC_PORT + 1000)
  BPSC_MEMBERS    how many members (3)
  BPSC_DATA       where the data lives (.bpsc/cluster, or .bpsc/cluster-PORT)
TEXT
}

usage_error() {
  printf 'error: %s; %s/cluster.sh help says more\n' "$*" "$here" >&2
  exit 2
}

declare -A contract_option=()

followers=""

parse_options() {
  local name
  while [ "$#" -gt 0 ]; do
    name=${1#--}
    name=${name%%=*}
    case "$1" in
      --every=* | --transactions=* | --wallets=* | --token=* | --decimals=* | --fee-ppm=*)
        contract_option[$name]=${1#*=}
        shift
        ;;
      --followers=*)
        followers=${1#*=}
        shift
        ;;
      --followers)
        [ "$#" -ge 2 ] || usage_error "$1 needs a value"
        followers=$2
        shift 2
        ;;
      --every | --transactions | --wallets | --token | --decimals | --fee-ppm)
        [ "$#" -ge 2 ] || usage_error "$1 needs a value"
        contract_option[$name]=$2
        shift 2
        ;;
      *) usage_error "unknown option $1" ;;
    esac
  done
  [[ $followers =~ ^[0-9]?$ ]] || usage_error "--followers is a number from 0 to 9"
  check_option every '^[0-9a-z.]+$'
  check_option transactions '^[0-9]+$'
  check_option wallets '^(open|signed)$'
  check_option token '^[a-z0-9-]{1,32}$'
  check_option decimals '^[0-9]$'
  check_option fee-ppm '^[0-9]{1,7}$'
}

# check_option NAME PATTERN: the values go into a JSON file as they are.
check_option() {
  [ -z "${contract_option[$1]+set}" ] || [[ ${contract_option[$1]} =~ $2 ]] ||
    usage_error "--$1 cannot be '${contract_option[$1]}'"
}

# make_wallets makes the keys of a signed contract's people, once. They are for
# trying out: their passphrase lies beside them.
people="issuer treasurer alice bob carol"
make_wallets() {
  local name wallets=$data/wallets
  [ ! -e "$wallets/addresses" ] || return 0
  (umask 077 && mkdir -p "$wallets" && head -c 24 /dev/urandom | base64 >"$wallets/passphrase")
  for name in $people; do
    "$binary" wallet new "$name" --wallets "$wallets" --passphrase-file "$wallets/passphrase" --work-factor 10 -o json |
      sed -n "s/.*\"address\": *\"\([a-z0-9]*\)\".*/$name \1/p"
  done >"$wallets/addresses.new"
  mv "$wallets/addresses.new" "$wallets/addresses"
}

address_of() { sed -n "s/^$1 //p" "$data/wallets/addresses"; }

contract_json() {
  local schedule=() roles=""
  if [ "${contract_option[wallets]-open}" = signed ]; then
    roles=$(printf ',"issuer":"%s","treasurer":"%s","supply":1000000,"mintable":true,"freezable":true' \
      "$(address_of issuer)" "$(address_of treasurer)")
  fi
  [ -z "${contract_option[every]+set}" ] || schedule+=("\"every\":\"${contract_option[every]}\"")
  [ -z "${contract_option[transactions]+set}" ] || schedule+=("\"transactions\":${contract_option[transactions]}")
  printf '{"token":"%s","decimals":%s,"fee_ppm":%s,"wallets":"%s"%s,"schedule":{%s},"on_request":true}\n' \
    "${contract_option[token]-aka}" "${contract_option[decimals]-6}" "${contract_option[fee-ppm]-50}" \
    "${contract_option[wallets]-open}" "$roles" "$(IFS=,; echo "${schedule[*]-}")"
}

# choose_contract writes the contract file once. Nobody can change a contract
# after that, so other options on an old data folder are a mistake worth words.
choose_contract() {
  local wanted
  if [ "${contract_option[wallets]-open}" = signed ]; then make_wallets; fi
  wanted=$(contract_json)
  if [ ! -e "$data/contract.json" ]; then
    echo "$wanted" >"$data/contract.json"
  elif [ "${#contract_option[@]}" -gt 0 ] && [ "$wanted" != "$(cat "$data/contract.json")" ]; then
    die "a contract never changes, and this cluster has one: $(cat "$data/contract.json")
       for another contract give another BPSC_DATA (and BPSC_PORT)"
  fi
}

# choose_followers remembers how many there are from now on.
choose_followers() {
  local id
  for id in $follower_ids; do
    if [ "${id#f}" -gt "$followers" ] && pid_of "$id" >/dev/null; then
      die "$id runs; scripts/cluster.sh down first, then up with fewer followers"
    fi
  done
  echo "$followers" >"$data/followers"
  name_followers "$followers"
}

require_cluster() {
  [ -e "$data/addresses" ] || die "no cluster in $data; start one: $here/cluster.sh up"
}

# lock_data keeps two of these scripts from working on one cluster at a time.
lock_data() {
  mkdir -p "$data/logs"
  exec 9>"$data/lock"
  flock -w 120 9 || die "another cluster.sh is at work on $data"
}

build() {
  echo "building bpsc"
  "$root/scripts/build.sh" "$binary"
}

up() {
  local fresh=no
  parse_options "$@"
  need_certificates
  need_commands curl=curl
  need_go "$root"
  [ -e "$data/contract.json" ] || fresh=yes
  lock_data
  if [ -n "$followers" ]; then choose_followers; fi
  refuse_taken_ports
  build
  remember_addresses
  choose_contract
  start_dead
  if ! wait_ready 60; then
    if [ "$fresh" = yes ]; then forget_fresh_cluster; fi
    die "the cluster did not start; all of the logs: $data/logs"
  fi
  say_where
}

# forget_fresh_cluster undoes a first start that never served, so that the next
# one may take another contract.
forget_fresh_cluster() {
  local id
  stop_all
  for id in $ids $follower_ids; do rm -rf "${data:?}/$id"; done
  rm -f "$data/contract.json" "$data/addresses" "$data/followers" "$data/added" "$data"/*.joins
}

say_where() {
  local id
  echo
  echo "The BPSC serves, $members members, $(leader) leads:"
  for id in $ids; do echo "  $id  $(api_url "$id")"; done
  for id in $follower_ids; do echo "  $id  $(api_url "$id")  a follower"; done
  if grep -q '"wallets":"open"' "$data/contract.json"; then
    echo "Its contract is open: names are free text and nothing is signed, so anyone who"
    echo "reaches these ports can spend from any name. For trying out, not for value."
  fi
  if grep -q '"wallets":"signed"' "$data/contract.json"; then
    say_who
    return 0
  fi
  cat <<TEXT

Next:
$(say_environment)
  bpsc send --from alice --to bob --amount 12.5
  curl -s -X POST $(api_url n1)/transactions/new -d '{"sender":"alice","amount":1000000,"recipient":"bob"}'
  curl -s $(api_url n1)/mine
  curl -s $(api_url n1)/chain
  $here/cluster.sh kill-leader
TEXT
}

# say_environment prints the lines by which a shell finds bpsc and this cluster.
say_environment() { environment | sed 's/^/  /'; }

environment() {
  # shellcheck disable=SC2016 # $PATH is for the shell that reads it
  printf 'export PATH=%q:$PATH\n' "$(dirname "$binary")"
  printf 'export BPSC_SERVER=%s\n' "$(all_urls)"
  if grep -q '"wallets":"signed"' "$data/contract.json"; then
    printf 'export BPSC_WALLETS=%q BPSC_PASSPHRASE_FILE=%q\n' "$data/wallets" "$data/wallets/passphrase"
  fi
}

say_who() {
  cat <<TEXT
Its contract is signed: tokens belong to keys. Those of $people
are in $data/wallets, with their passphrase beside them: for trying out.

Next:
$(say_environment)
  bpsc send --from issuer --to alice --amount 1000
  bpsc account alice
  $here/cluster.sh kill-leader
TEXT
}

status() {
  local id pid alive=0
  require_cluster
  printf '%-5s %-8s %-9s %-24s %s\n' member pid state api raft
  for id in $ids; do
    if pid=$(pid_of "$id"); then
      alive=$((alive + 1))
      printf '%-5s %-8s %-9s %-24s %s\n' "$id" "$pid" "$(readiness "$id")" "$(api_url "$id")" "$(raft_address "$id")"
    else
      printf '%-5s %-8s %-9s %-24s %s\n' "$id" - dead "$(api_url "$id")" "$(raft_address "$id")"
    fi
  done
  for id in $follower_ids; do
    if pid=$(pid_of "$id"); then
      printf '%-5s %-8s %-9s %-24s %s\n' "$id" "$pid" "$(readiness "$id")" "$(api_url "$id")" follower
    else
      printf '%-5s %-8s %-9s %-24s %s\n' "$id" - dead "$(api_url "$id")" follower
    fi
  done
  if ! id=$(leader); then
    echo "no leader serves ($alive of $members members run)"
    return 1
  fi
  echo "leader: $id"
}

kill_leader() {
  local id pid began
  require_cluster
  lock_data
  id=$(wait_leader 10) || die "no leader to kill; see: $here/cluster.sh status"
  pid=$(pid_of "$id") || die "$id has just ended by itself"
  began=$(now_ms)
  kill -9 "$pid"
  await_end "$pid" 5 || die "process $pid does not end"
  echo "killed -9 $id (process $pid), which led"
  if [ "$(count_alive)" -le $((members / 2)) ]; then
    echo "Only $(count_alive) of $members members run: no majority, so nothing is written until"
    echo "  $here/cluster.sh restart-dead"
  elif id=$(wait_leader 10); then
    echo "$id leads now, after $(($(now_ms) - began)) ms"
  else
    die "no new leader within 10 s; logs: $data/logs"
  fi
}

restart_dead() {
  require_cluster
  need_commands curl=curl
  lock_data
  refuse_taken_ports
  [ -x "$binary" ] || { need_go "$root"; build; }
  start_dead
  wait_ready 60 || die "not everything is ready; logs: $data/logs"
  echo "all $members members run, $(leader) leads"
}

# add starts the next member and has the cluster take it in. It copies the ledger,
# and then it votes.
add() {
  local id servers two=()
  require_cluster
  need_commands curl=curl
  lock_data
  wait_leader 10 >/dev/null || die "no leader serves; see: $here/cluster.sh status"
  servers=$(all_urls)
  [ "$members" -ne 1 ] || two=(--two-voters)
  members=$((members + 1))
  id=n$members
  ids="$ids $id"
  refuse_taken_ports
  start_member "$id"
  wait_alive "$id"
  # Recorded first: should the wait be interrupted, it is a member all the same.
  echo $((members - founders)) >"$data/added"
  if ! "$binary" cluster add "$id" "$(raft_address "$id")" --server "$servers" ${two[@]+"${two[@]}"} &&
    ! "$binary" cluster status --server "$servers" | grep -F "$(raft_address "$id")" >/dev/null; then
    echo $((members - founders - 1)) >"$data/added"
    stop_one "$id"
    rm -rf "${data:?}/$id"
    die "$id was not added"
  fi
}

# replace is what follows when the disk of a member is lost: this is one that is.
replace() {
  local id=$1
  require_cluster
  need_commands curl=curl
  [[ " $ids " = *" $id "* ]] || usage_error "there is no member $id"
  lock_data
  stop_one "$id"
  if ! "$binary" cluster replace "$id" --dry-run --server "$(all_urls "$id")" >/dev/null; then
    start_member "$id"
    die "$id cannot be replaced now, and keeps its disk"
  fi
  rm -rf "${data:?}/$id"
  touch "$data/$id.joins"
  start_member "$id"
  wait_alive "$id"
  "$binary" cluster replace "$id" --server "$(all_urls "$id")"
}

# all_urls [ID] prints where the members serve, but for one.
all_urls() {
  local id urls=""
  for id in $ids; do [ "$id" = "${1-}" ] || urls="$urls,$(api_url "$id")"; done
  echo "${urls#,}"
}

down() {
  require_cluster
  lock_data
  stop_all
  echo "everything is down; the data is kept in $data"
}

main() {
  local command=${1-help}
  [ "$#" -eq 0 ] || shift
  case "$command" in
    up)
      locate_cluster
      up "$@"
      ;;
    replace)
      [ "$#" -eq 1 ] || usage_error "replace takes a member, such as n2"
      locate_cluster
      replace "$1"
      ;;
    env)
      [ "$#" -eq 0 ] || usage_error "$command takes no options"
      locate_cluster
      require_cluster
      environment
      ;;
    status | kill-leader | restart-dead | add | down)
      [ "$#" -eq 0 ] || usage_error "$command takes no options"
      locate_cluster
      "${command//-/_}"
      ;;
    demo) exec "$root/scripts/demo.sh" "$@" ;;
    help | -h | --help) usage ;;
    *) usage_error "unknown command $command" ;;
  esac
}

main "$@"
