# shellcheck shell=bash
# shellcheck disable=SC2154 # binary, data and ids are set by locate_cluster (members.sh)
# The part of the demo that is about wallets: a transfer, a hold accepted, one
# rejected, one that nobody decides, a closed wallet, and who owns what before
# and after. Sourced by demo.sh, with a cluster up whose contract is signed.

# wallet_balance NAME prints what a wallet has.
wallet_balance() {
  "$binary" account "$(address_of "$1")" --server "$first" -o json | grep -Eo '"balance": *[0-9.e-]+' | grep -Eo '[0-9.e-]+$'
}

address_of() { sed -n "s/^$1 //p" "$data/wallets/addresses"; }

# held prints what is in escrow.
held() { curl -fsS "$first/v1/contracts/aka" | grep -Eo '"held": *[0-9.e-]+' | grep -Eo '[0-9.e-]+$'; }

balances() {
  local name
  for name in issuer alice bob carol; do
    printf '  %-8s %14s   %s\n' "$name" "$(wallet_balance "$name")" "$(address_of "$name")"
  done
  printf '  %-8s %14s   (held until somebody decides)\n' escrow "$(held)"
}

# signed NAME… runs a bpsc command that signs with the demo's own wallets.
signed() {
  local shown=$*
  echo "\$ bpsc $shown"
  "$binary" "$@" --wallets "$wallets" --passphrase-file "$wallets/passphrase" --server "$first"
  echo
}

# hold_for DURATION AMOUNT sends from alice to bob and sets the hold's id.
hold_for() {
  echo "\$ bpsc send --from alice --to bob --amount $2 --hold-until $1"
  hold=$("$binary" send --from alice --to bob --amount "$2" --hold-until "$1" -o json \
    --wallets "$wallets" --passphrase-file "$wallets/passphrase" --server "$first" |
    grep -Eo '"id": *"[0-9a-f]{64}"' | head -n 1 | cut -d'"' -f4)
  [ -n "$hold" ] || die "the hold was not made"
  echo "hold ${hold:0:16}… waits for bob"
  echo
}

# hold_status HOLD prints how it stands, nothing where this member has not heard
# of it yet.
hold_status() { curl -s "$first/v1/holds/$1" | grep -Eo '"status": *"[a-z_]+"' | cut -d'"' -f4 || true; }

expect_hold() {
  local deadline=$((SECONDS + 20))
  until [ "$(hold_status "$hold")" = "$1" ]; do
    [ "$SECONDS" -lt "$deadline" ] || die "the hold is $(hold_status "$hold"), not $1"
    sleep 0.1
  done
}

walk_the_wallets() {
  local was
  wallets=$data/wallets
  first=$(api_url n1)

  step "Wallets are keys; the issuer has the supply"
  balances

  step "A transfer, signed here, final when it is answered"
  signed send --from issuer --to alice --amount 10000
  balances

  step "A hold that bob accepts: now the fee is taken and the rest is his"
  hold_for 1h 1000
  signed accept "$hold" --wallet bob
  expect_hold hold_delivered

  step "A hold that bob rejects: everything goes back, the fee too"
  was=$(wallet_balance alice)
  hold_for 1h 2000
  balances
  signed reject "$hold" --wallet bob
  expect_hold hold_rejected
  [ "$(wallet_balance alice)" = "$was" ] || die "alice has $(wallet_balance alice), had $was"

  step "A hold that nobody decides: it goes back by itself"
  hold_for 2s 3000
  expect_hold hold_expired
  echo "hold ${hold:0:16}… has expired"
  [ "$(wallet_balance alice)" = "$was" ] || die "alice has $(wallet_balance alice), had $was"

  step "A closed wallet: the transfer comes back at once"
  signed rules --wallet carol --receive closed
  signed send --from alice --to carol --amount 500 || [ $? -eq 4 ] || die "it should have come back"
  [ "$(wallet_balance alice)" = "$was" ] || die "alice has $(wallet_balance alice), had $was"
  balances
  "$binary" mine --server "$first" >/dev/null
}

send_signed_to_whoever_is_left() {
  local id servers=()
  for id in $ids; do servers+=(--server "$(api_url "$id")"); done
  echo "\$ bpsc send --from issuer --to bob --amount 100   (to whoever is left, the same bytes until it is known)"
  "$binary" send --from issuer --to bob --amount 100 --wallets "$wallets" --passphrase-file "$wallets/passphrase" "${servers[@]}"
}
