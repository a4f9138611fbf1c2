package verify

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
)

// domain begins the signed bytes.
const domain = "bpsc/tx/v1\n"

// authFields stand in every record that somebody asked for.
const authFields = " expires nonce public_key signature"

// shapes are the keys of each record of a signed contract, by its kind and what
// was asked for where that is another kind. Those with a question mark may be
// missing.
var shapes = map[string]string{
	"transfer":        "amount_bpsc amount_receive amount_send bpsc memo? recipient" + authFields,
	"hold":            "amount_send hold_until memo? recipient" + authFields,
	"hold/transfer":   "amount_send hold_until memo? recipient request" + authFields,
	"delivery/accept": "amount_bpsc amount_receive amount_send bpsc hold recipient request" + authFields,
	"refund/transfer": "amount_refund memo? reason recipient request" + authFields,
	"refund/hold":     "amount_refund hold_until memo? reason recipient request" + authFields,
	"refund/accept":   "amount_refund hold reason recipient request" + authFields,
	"refund/reject":   "amount_refund hold reason recipient request" + authFields,
	"refund":          "amount_refund hold reason recipient", // a hold that nobody decided
	"issue":           "amount memo? recipient" + authFields,
	"spend":           "amount bpsc memo? recipient" + authFields,
	"burn":            "amount bpsc memo?" + authFields,
	"rules":           "account? frozen? new_key? per_day? per_transfer? receive?" + authFields,
}

// openShape are the keys of a transfer of an open contract.
const openShape = "amount_bpsc amount_receive amount_send bpsc memo? recipient"

// recoveryShape are the keys of a recovery, in any contract.
const recoveryShape = "members_after members_before reason time"

// checkShape checks that a record has the keys of its kind and no others.
func checkShape(r Record, signed bool) error {
	kind := r.Kind
	if r.Request != "" {
		kind += "/" + r.Request
	}
	shape, known := shapes[kind]
	switch {
	case kind == "recovery":
		shape, known = recoveryShape, true
	case signed:
		shape += " time"
	default:
		shape, known = openShape, kind == "transfer"
	}
	if !known {
		return fmt.Errorf("no record of this contract is of kind %q", kind)
	}
	rest := maps.Clone(r.fields)
	for _, key := range strings.Fields(shape + " id kind sender") {
		name, optional := strings.CutSuffix(key, "?")
		if _, has := rest[name]; !has && !optional {
			return fmt.Errorf("a record of kind %q has a %s", kind, name)
		}
		delete(rest, name)
	}
	if len(rest) > 0 {
		return fmt.Errorf("a record of kind %q has no %s", kind, strings.Join(slices.Sorted(maps.Keys(rest)), ", "))
	}
	if id, err := hex.DecodeString(r.ID); err != nil || len(id) != sha256.Size || strings.ToLower(r.ID) != r.ID {
		return fmt.Errorf("%q is no id", r.ID)
	}
	if _, has := r.fields["memo"]; has && (r.Memo == "" || len(r.Memo) > 256) {
		return fmt.Errorf("a memo of %d bytes", len(r.Memo))
	}
	for _, name := range []string{r.Sender, r.Recipient} {
		if !signed && kind != "recovery" && (name == "" || len(name) > 128) {
			return fmt.Errorf("a name of %d bytes", len(name))
		}
	}
	return nil
}

// asked is the payload of the transaction that a record answers, without kind.
func asked(r Record) (kind string, payload map[string]json.RawMessage) {
	kind = r.Kind
	if r.Request != "" {
		kind = r.Request
	}
	keys := strings.Fields("expires memo nonce recipient sender")
	switch kind {
	case "accept", "reject":
		return kind, map[string]json.RawMessage{
			"expires": r.fields["expires"], "nonce": r.fields["nonce"], "hold": r.fields["hold"], "sender": r.fields["recipient"],
		}
	case "rules":
		keys = strings.Fields("account expires frozen new_key nonce per_day per_transfer receive sender")
	case "hold":
		keys = append(keys, "hold_until")
	}
	payload = map[string]json.RawMessage{}
	for _, key := range keys {
		if value, has := r.fields[key]; has {
			payload[key] = value
		}
	}
	for _, key := range []string{"amount", "amount_send", "amount_refund"} {
		if value, has := r.fields[key]; has {
			payload["amount"] = value
		}
	}
	return kind, payload
}

// checkSigned checks that somebody asked for a record who may ask, and when.
func (l *Ledger) checkSigned(r Record, b Block) error {
	now, err := l.checkTime(r, b)
	if err != nil {
		return err
	}
	if r.Signature == "" {
		return l.checkExpiry(r, now)
	}
	kind, payload := asked(r)
	payload["kind"], payload["chain"] = quoted(kind), quoted(l.chainID)
	message := append([]byte(domain), object(payload)...)
	if sum := sha256.Sum256(message); r.ID != hex.EncodeToString(sum[:]) {
		return fmt.Errorf("id is %s, the signed bytes hash to %x", r.ID, sum)
	}
	key, err1 := hex.DecodeString(r.PublicKey)
	signature, err2 := hex.DecodeString(r.Signature)
	if err := errors.Join(err1, err2); err != nil || len(key) != ed25519.PublicKeySize {
		return fmt.Errorf("public_key or signature is none: %w", err)
	}
	if !ed25519.Verify(key, message, signature) {
		return fmt.Errorf("the signature is not by %s over %q", r.PublicKey, message)
	}
	sender := r.Sender
	if kind == "accept" || kind == "reject" {
		sender = r.Recipient
	}
	if own := l.Wallets[sender].Key; own != "" && own != r.PublicKey || own == "" && Address(key) != sender {
		return fmt.Errorf("the key %s is not that of %s", r.PublicKey, sender)
	}
	if r.Expires <= now || r.Expires > now+86400 {
		return fmt.Errorf("expires at %d, decided at %d", r.Expires, now)
	}
	return nil
}

// checkTime checks that a record's time does not go back and lies between
// those of the blocks, and returns it in whole seconds.
func (l *Ledger) checkTime(r Record, b Block) (int64, error) {
	at, err1 := moment(r.Time)
	end, err2 := moment(b.Timestamp)
	begin, err3 := moment(l.Blocks[len(l.Blocks)-1].Timestamp)
	if err := errors.Join(err1, err2, err3); err != nil {
		return 0, err
	}
	if at.Cmp(begin) < 0 || at.Cmp(end) > 0 || l.clock != nil && at.Cmp(l.clock) < 0 {
		return 0, fmt.Errorf("its time %s is not in its place", r.Time)
	}
	if l.clock != nil && at.Cmp(l.clock) > 0 {
		if err := l.checkReturned(l.clock); err != nil {
			return 0, err
		}
	}
	l.clock = at
	if err := l.checkMoment(r.Signature != "" || r.Kind == "recovery", end); err != nil {
		return 0, err
	}
	return new(big.Int).Div(at.Num(), at.Denom()).Int64(), nil
}

// checkExpiry checks a refund that nobody asked for.
func (l *Ledger) checkExpiry(r Record, now int64) error {
	hold, err := hex.DecodeString(r.Hold)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(append([]byte("bpsc/expiry/v1\n"), hold...))
	if r.ID != hex.EncodeToString(sum[:]) || r.Reason != "expired" {
		return errors.New("nobody asked for this refund")
	}
	if until := l.Holds[r.Hold].Until; now < until {
		return fmt.Errorf("the hold was given back at %d, it waits until %d", now, until)
	}
	if len(l.waiting) > 0 && l.waiting[0].id != r.Hold && l.Holds[r.Hold].Ended == "" {
		return fmt.Errorf("hold %s is given back before %s", r.Hold, l.waiting[0].id)
	}
	return nil
}

func quoted(s string) json.RawMessage { return fmt.Appendf(nil, "%q", s) }
