# shellcheck shell=bash
# The members of a local cluster, and the followers beside them, as processes:
# where they live, which of them run, how to start, await and end them. Sourced by the scripts that need it,
# with $root set. A process is ended only when its pid file and its command
# line both say that it is a member of this very cluster.

: "${root:?is set by the script that sources this one}"

# locate_cluster sets port, raft_port, founders, members, ids, follower_ids, data
# and binary.
locate_cluster() {
  local base=${BPSC_PORT:-5000} i
  if [ -n "${BPSC_DATA-}" ]; then
    data=$(realpath -m -- "$BPSC_DATA")
  elif [ "$base" = 5000 ]; then
    data=$root/.bpsc/cluster
  else
    data=$root/.bpsc/cluster-$base
  fi
  binary=$root/.bpsc/bin/bpsc

  # The members know each other by their addresses: these stay as they were
  # when the cluster was made.
  if [ -e "$data/addresses" ]; then
    read -r port raft_port founders <"$data/addresses"
    [ "$port $raft_port $founders" = "${BPSC_PORT:-$port} ${BPSC_RAFT_PORT:-$raft_port} ${BPSC_MEMBERS:-$founders}" ] ||
      die "the cluster in $data was made with BPSC_PORT=$port BPSC_RAFT_PORT=$raft_port BPSC_MEMBERS=$founders;
       use these, or another BPSC_DATA for another cluster"
  else
    port=$base
    raft_port=${BPSC_RAFT_PORT:-$((base + 1000))}
    founders=${BPSC_MEMBERS:-3}
  fi
  [[ $port =~ ^[0-9]+$ && $raft_port =~ ^[0-9]+$ && $founders =~ ^[1-9][0-9]?$ ]] ||
    die "BPSC_PORT, BPSC_RAFT_PORT and BPSC_MEMBERS are numbers"
  name_members
  name_followers "$(cat "$data/followers" 2>/dev/null || echo 0)"
}

# name_members counts those with which the cluster began, and those added since.
name_members() {
  local i
  members=$((founders + $(cat "$data/added" 2>/dev/null || echo 0)))
  ids=""
  for ((i = 1; i <= members; i++)); do ids="$ids n$i"; done
}

# name_followers COUNT: as in the tutorial they sit on the ports after the first
# member's, 5001 and 5002.
name_followers() {
  local i
  follower_ids=""
  for ((i = 1; i <= $1; i++)); do follower_ids="$follower_ids f$i"; done
}

remember_addresses() { echo "$port $raft_port $founders" >"$data/addresses"; }

api_address() {
  case "$1" in
    f*) echo "127.0.0.1:$((port + ${1#f}))" ;;
    *) echo "127.0.0.1:$((port + 10 * (${1#n} - 1)))" ;;
  esac
}
raft_address() { echo "127.0.0.1:$((raft_port + 10 * (${1#n} - 1)))"; }
api_url() { echo "http://$(api_address "$1")"; }
now_ms() { date +%s%3N; }

# taken HOST:PORT tells whether something listens there.
taken() { (exec 3<>"/dev/tcp/${1%:*}/${1#*:}") 2>/dev/null; }

# pid_of ID prints the process of a member, or fails when it does not run. The
# command line guards against a pid that by now belongs to a stranger.
pid_of() {
  local pid
  pid=$(cat "$data/$1.pid") || return 1
  tr '\0' '\n' <"/proc/$pid/cmdline" | grep -xF -- "$data/$1" >/dev/null || return 1
  echo "$pid"
} 2>/dev/null

# ended PID tells whether a process holds nothing any more: it is gone, or all
# that is left of it waits for a parent to collect it.
ended() {
  local state tasks
  state=$(awk '$1 == "State:" { print $2 }' "/proc/$1/status" 2>/dev/null) || return 0
  tasks=("/proc/$1/task"/*)
  [ "$state" = Z ] && [ "${#tasks[@]}" -le 1 ]
}

await_end() {
  local deadline=$((SECONDS + $2))
  until ended "$1"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.05
  done
}

count_alive() {
  local id n=0
  for id in $ids; do if pid_of "$id" >/dev/null; then n=$((n + 1)); fi; done
  echo "$n"
}

# refuse_taken_ports stops when a process that is to start finds a stranger on
# its port: otherwise the stranger might be taken for it.
refuse_taken_ports() {
  local id address addresses
  for id in $ids $follower_ids; do
    if pid_of "$id" >/dev/null; then continue; fi
    addresses=$(api_address "$id")
    case "$id" in n*) addresses="$addresses $(raft_address "$id")" ;; esac
    for address in $addresses; do
      if taken "$address"; then
        die "$address is in use by another program; give other ports with BPSC_PORT and BPSC_RAFT_PORT"
      fi
    done
  done
}

start_dead() {
  local id
  for id in $ids $follower_ids; do
    if pid_of "$id" >/dev/null; then
      echo "$id runs already"
    elif [[ $id = n* ]]; then
      start_member "$id"
    else
      start_follower "$id"
    fi
  done
}

# start_member ID: one of those with which the cluster begins, or one that joins it.
start_member() {
  local id=$1 begin=(--join) peers="" i
  if [ "${id#n}" -le "$founders" ] && [ ! -e "$data/$id.joins" ]; then
    for ((i = 1; i <= founders; i++)); do peers="$peers,n$i=$(raft_address "n$i")"; done
    begin=(--cluster "${peers#,}")
    [ "$founders" -ne 2 ] || begin+=(--two-voters)
  fi
  start "$id" server --id "$id" --data "$data/$id" \
    --listen "$(api_address "$id")" --raft "$(raft_address "$id")" \
    "${begin[@]}" --contract "$data/contract.json"
}

start_follower() {
  local id=$1 upstreams="" member
  for member in $ids; do upstreams="$upstreams,$(api_url "$member")"; done
  start "$id" follow --data "$data/$id" --listen "$(api_address "$id")" \
    --upstream "${upstreams#,}" --advertise "$(api_url "$id")"
}

# start ID ARGUMENTS… starts bpsc in a session of its own: it outlives this
# script and its terminal. The variables of these scripts are not its options.
start() {
  local id=$1
  shift
  env -u BPSC_DATA -u BPSC_PORT -u BPSC_RAFT_PORT -u BPSC_MEMBERS \
    setsid "$binary" "$@" </dev/null >>"$data/logs/$id.log" 2>&1 9>&- &
  echo "$!" >"$data/$id.pid"
  echo "started $id (process $!)"
}

readiness() {
  if curl -fs -m 1 -o /dev/null "$(api_url "$1")/readyz"; then echo ready; else echo "not ready"; fi
}

# wait_ready SECONDS waits until every process is ready. One that ends
# meanwhile does not come back by itself, so its last words are shown at once.
wait_ready() {
  local id pid deadline=$((SECONDS + $1))
  for id in $ids $follower_ids; do
    pid=$(cat "$data/$id.pid")
    until [ "$(readiness "$id")" = ready ]; do
      if ended "$pid"; then
        last_words "$id" "has ended"
        return 1
      elif [ "$SECONDS" -ge "$deadline" ]; then
        last_words "$id" "is still not ready"
        return 1
      fi
      sleep 0.1
    done
  done
  # Had somebody else got hold of a port, a stranger would have said "ready".
  for id in $ids $follower_ids; do
    if ! pid_of "$id" >/dev/null; then
      last_words "$id" "has ended"
      return 1
    fi
  done
}

# wait_alive ID waits until a member answers, ready or not.
wait_alive() {
  local deadline=$((SECONDS + 30))
  until curl -fs -m 1 -o /dev/null "$(api_url "$1")/livez"; do
    if ! pid_of "$1" >/dev/null || [ "$SECONDS" -ge "$deadline" ]; then
      last_words "$1" "does not answer"
      die "$1 did not start"
    fi
    sleep 0.1
  done
}

last_words() {
  printf '\n%s %s; the end of its log %s:\n' "$1" "$2" "$data/logs/$1.log"
  tail -n 15 "$data/logs/$1.log" | cut -c 1-400 | sed 's/^/  | /'
  printf '\n'
} >&2

# leader prints the living member that knows itself as the leader.
leader() {
  local id
  for id in $ids; do
    pid_of "$id" >/dev/null || continue
    if curl -fs -m 1 "$(api_url "$id")/v1/cluster" | grep -E "\"leader\": *\"$id\"" >/dev/null; then
      echo "$id"
      return 0
    fi
  done
  return 1
}

# wait_leader SECONDS prints the leader as soon as there is one.
wait_leader() {
  local deadline=$((SECONDS + $1))
  until leader; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.05
  done
}

# stop_all asks every process to stop, and kills only one that does not listen.
stop_all() {
  local id pid
  for id in $follower_ids $ids; do
    if pid=$(pid_of "$id"); then kill "$pid"; fi
  done
  for id in $follower_ids $ids; do stop_one "$id"; done
}

stop_one() {
  local id=$1 pid
  if pid=$(pid_of "$id"); then
    kill "$pid" 2>/dev/null || true
    if ! await_end "$pid" 20; then
      echo "$id does not stop within 20 s: killing process $pid"
      kill -9 "$pid"
      await_end "$pid" 5 || die "process $pid does not end"
    fi
  fi
  rm -f "$data/$id.pid"
  echo "$id is down"
}
