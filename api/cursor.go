package api

import (
	"fmt"
	"strings"

	"github.com/bpsc/bpsc/chain"
)

// cursorDigits is how many digits of the chain's id begin a cursor: a place in one
// chain means nothing in another, and a ledger that was made anew has the name of
// the one before. It takes 2^32 chains for two of them to agree by chance.
const cursorDigits = 16

// appendCursor begins a cursor with the chain it is of.
func appendCursor(dst []byte, id chain.Hash) []byte {
	var buf [2 * len(id)]byte
	return append(append(dst, id.AppendHex(buf[:0])[:cursorDigits]...), '-')
}

// ofChain is a cursor of that chain without its beginning; "" is none.
func ofChain(cursor string, id chain.Hash) (string, error) {
	if cursor == "" {
		return "", nil
	}
	of, place, ok := strings.Cut(cursor, "-")
	switch {
	case !ok || len(of) != cursorDigits || place == "":
		return "", fmt.Errorf("%w: %q is no cursor", chain.InvalidField, echo(cursor))
	case !strings.HasPrefix(id.String(), of):
		return "", fmt.Errorf("%w: it is %s here, and the cursor is of %s…", ErrOtherChain, id, echo(of))
	}
	return place, nil
}
