// Package cursor is a place in one chain, as clients keep it to go on from there: where the
// next page begins, or which event they had last. A cursor begins with the chain that it
// is of, and in another chain it is refused.
package cursor

import (
	"fmt"
	"strings"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/intake"
	"github.com/bpsc/bpsc/internal/outcome"
)

// digits is how many digits of the chain's id begin a cursor: a place in one
// chain means nothing in another, and a ledger that was made anew has the name of
// the one before. It takes 2^32 chains for two of them to agree by chance.
const digits = 16

// Append begins a cursor with the chain it is of.
func Append(dst []byte, id chain.Hash) []byte {
	var buf [2 * len(id)]byte
	return append(append(dst, id.AppendHex(buf[:0])[:digits]...), '-')
}

// OfChain is a cursor of that chain without its beginning; "" is none.
func OfChain(cursor string, id chain.Hash) (string, error) {
	if cursor == "" {
		return "", nil
	}
	of, place, ok := strings.Cut(cursor, "-")
	switch {
	case !ok || len(of) != digits || place == "":
		return "", fmt.Errorf("%w: %q is no cursor", chain.InvalidField, intake.Echo(cursor))
	case !strings.HasPrefix(id.String(), of):
		return "", fmt.Errorf("%w: it is %s here, and the cursor is of %s…", outcome.OtherChain, id, intake.Echo(of))
	}
	return place, nil
}
