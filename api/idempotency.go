package api

import (
	"fmt"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/intake"
	"github.com/bpsc/bpsc/internal/protocol"
)

// idempotencyKey returns the client's key.
func idempotencyKey(c *gin.Context) (key string, given bool, err error) {
	switch values := c.Request.Header[protocol.IdempotencyKey]; {
	case len(values) == 0:
		return "", false, nil
	case len(values) > 1:
		return "", false, fmt.Errorf("%w: more than one %s", chain.InvalidField, protocol.IdempotencyKey)
	default:
		return values[0], true, intake.CheckKey(values[0])
	}
}

// unkeyed refuses an idempotency key where there is none to be obeyed: whoever
// sends it believes that a repeat is safe.
func unkeyed(h handler) handler {
	return func(c *gin.Context) error {
		if c.Request.Header[protocol.IdempotencyKey] != nil {
			return fmt.Errorf("%w: this path takes no %s", chain.InvalidField, protocol.IdempotencyKey)
		}
		return h(c)
	}
}
