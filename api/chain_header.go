package api

import (
	"fmt"

	"github.com/gin-gonic/gin"
)

// headerChain names the chain that a request is about, by its id: 64 hex digits,
// and so does ?chain=. A contract's token says less: two ledgers may have one of
// the same name, and one that was made anew has the name of the one before.
const headerChain = "Bpsc-Chain"

// contractOnChain is the contract of that token, or the default one, if its
// chain is the one that the request names, or it names none.
func (s *server) contractOnChain(c *gin.Context, token string) (*knownContract, error) {
	contract, err := s.contract(c.Request.Context(), token)
	if err != nil {
		return nil, err
	}
	named := c.Request.Header[headerChain]
	if text := queryText(c, "chain"); text != "" {
		named = append(named[:len(named):len(named)], text)
	}
	for _, id := range named {
		if id != contract.chainID.String() {
			return nil, fmt.Errorf("%w: it is %s here, and the request names %s", ErrOtherChain, contract.chainID, echo(id))
		}
	}
	return contract, nil
}

// namesChain tells whether the address of a request names the chain, as against
// its contract only. What never changes in a chain never changes under such an
// address, and caches may keep it for ever; under any other address a ledger
// that was made anew has something else.
func namesChain(c *gin.Context) bool { return queryText(c, "chain") != "" }
