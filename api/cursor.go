package api

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gin-gonic/gin"

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

// fromCursor reads a page that begins at a cursor. Where that is of something
// which is not here, the page would be empty, for as long as the chain does not get
// there: who asked for the newest state has made the cursor up; else another
// replica may be a little ahead, and this one is given the time of a read to get
// there.
func fromCursor[T any](c *gin.Context, s *server, token string, read func() (T, error)) (page T, err error) {
	if page, err = read(); !errors.Is(err, chain.ErrBeyond) {
		return page, err
	}
	if s.asOfNow != nil && s.asOfNow(c) {
		return page, fmt.Errorf("%w: %w", chain.InvalidField, err)
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.cfg.ReadTimeout)
	defer cancel()
	for waited := error(nil); ; {
		info, failed := s.read.Contract(token)
		if failed != nil {
			return page, failed
		}
		if page, err = read(); !errors.Is(err, chain.ErrBeyond) {
			return page, err
		}
		if waited != nil {
			return page, withDetail(ErrBehind, fmt.Sprintf("This node may not have caught up: %s", err))
		}
		waited = s.read.WaitBlock(ctx, token, info.Length+1)
	}
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
