package api

import (
	"fmt"

	"github.com/gin-gonic/gin"
)

// headerChain names the chain that a request is about, by its id: 64 hex digits.
// A contract's token says less: two ledgers may have one of the same name, and
// one that was made anew has the name of the one before.
const headerChain = "Bpsc-Chain"

// contractOnChain is the contract of that token, or the default one, if its
// chain is the one that the request names, or it names none.
func (s *server) contractOnChain(c *gin.Context, token string) (*knownContract, error) {
	contract, err := s.contract(token)
	if err != nil {
		return nil, err
	}
	for _, named := range c.Request.Header[headerChain] {
		if named != contract.chainID.String() {
			return nil, fmt.Errorf("%w: it is %s here, and the request names %s", ErrOtherChain, contract.chainID, echo(named))
		}
	}
	return contract, nil
}
