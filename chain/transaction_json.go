package chain

import (
	"fmt"

	"github.com/bpsc/bpsc/chain/pyjson"
)

// AppendTransaction appends t as a JSON object: what is signed, but for the chain's
// id, with the signature. Fields that say nothing are left out.
func AppendTransaction(dst []byte, t *Transaction, decimals int) []byte {
	var r Record
	t.asRecord(&r)
	return appendFields(dst, &r, layout.asked, layout.common|layout.pointed, decimals)
}

// DecodeTransaction reads what AppendTransaction wrote, in any spelling of the JSON.
// The id stays unset: it takes the chain's id to know it.
func DecodeTransaction(text []byte, decimals int) (t Transaction, err error) {
	var r Record
	s := pyjson.NewScanner(text)
	err = s.Object(func(key string) error {
		f, known := AskedField(key)
		if !known {
			return inField(key, unknownKey(key))
		}
		return inField(key, r.scan(s, f, decimals))
	})
	if err == nil {
		err = s.End()
	}
	if err != nil {
		return t, fmt.Errorf("%w: %w", InvalidField, err)
	}
	return r.asTransaction(), nil
}
