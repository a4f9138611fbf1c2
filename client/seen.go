package client

import (
	"strconv"
	"sync"
)

// seen is the newest block of each contract that an answer to a write named.
type seen struct {
	mu     sync.Mutex
	blocks map[string]uint64 // by the contract as the call named it
}

func (s *seen) block(contract string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.blocks[contract]
}

// note takes the header as it came; what is no number says nothing.
func (s *seen) note(contract, header string) {
	block, err := strconv.ParseUint(header, 10, 63)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.blocks == nil {
		s.blocks = map[string]uint64{}
	}
	s.blocks[contract] = max(s.blocks[contract], block)
}

// SawBlock makes reads of a contract's state know at least of that block, as an
// answer to a write of this client would. It is for who writes with one client and
// reads with another.
func (c *Client) SawBlock(contract string, block uint64) {
	c.seen.note(contract, strconv.FormatUint(block, 10))
}

// ForgetBlocks lets reads be as old as a server has them.
func (c *Client) ForgetBlocks() {
	c.seen.mu.Lock()
	defer c.seen.mu.Unlock()
	c.seen.blocks = nil
}
