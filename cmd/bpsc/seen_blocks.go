package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/internal/durable"
)

// A follower hears of a transfer with its block. So that `bpsc account` after
// `bpsc send` does not show the balance from before, the newest block that an
// answer to a write named is kept for each chain, as a line "chain-id block". It is
// an aid and no more: a file that cannot be read or written is done without.
const (
	seenBlocksFile = "seen-blocks"
	// maxSeenBlocks bounds the file: some thousand chains.
	maxSeenBlocks = 64 << 10
	// ownWritePatience is how long a read waits for the block of an earlier write:
	// one that is produced on request only may not come for days.
	ownWritePatience = 3 * time.Second
)

// seenBlocksPath is "" where there is no home to keep it in.
func seenBlocksPath() string {
	state := os.Getenv("XDG_STATE_HOME")
	if state == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "bpsc", seenBlocksFile)
}

func readSeenBlocks() map[string]uint64 {
	blocks := map[string]uint64{}
	text, err := readBounded(seenBlocksPath(), maxSeenBlocks)
	if err != nil || len(text) > maxSeenBlocks {
		return blocks
	}
	for line := range strings.Lines(string(text)) {
		id, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		if block, err := strconv.ParseUint(number, 10, 63); err == nil {
			blocks[id] = max(blocks[id], block)
		}
	}
	return blocks
}

// noteSeenBlock keeps the block that has, or will have, a record of that chain.
func noteSeenBlock(id chain.Hash, block uint64) {
	path, blocks := seenBlocksPath(), readSeenBlocks()
	if path == "" || id.IsZero() || block <= blocks[id.String()] {
		return
	}
	if len(blocks) >= maxSeenBlocks/100 {
		clear(blocks)
	}
	blocks[id.String()] = block
	var text []byte
	for id, block := range blocks {
		text = fmt.Appendln(text, id, block)
	}
	if durable.MkdirAll(filepath.Dir(path), 0o700) == nil {
		_ = durable.WriteFile(path, text, 0o600)
	}
}

// readOwnWrites runs a read that is to know of what this user's earlier commands
// wrote. Where the node does not get there in time, it shows what it has and says
// so.
func (o *clientOptions) readOwnWrites(ctx context.Context, cmd *cobra.Command, c *client.Client, info *client.ContractInfo,
	read func(ctx context.Context) error) error {
	block := readSeenBlocks()[info.ChainID.String()]
	if block == 0 || o.consistency != "" {
		return read(ctx)
	}
	c.SawBlock(info.Contract.Token, block)
	patient, cancel := context.WithTimeout(ctx, min(ownWritePatience, o.timeout/2))
	defer cancel()
	err := read(patient)
	if !errors.Is(err, client.ErrUnavailable) || ctx.Err() != nil {
		return err
	}
	c.ForgetBlocks()
	if err = read(ctx); err == nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "bpsc: this node does not have block %d yet, in which an earlier transaction of yours stands or will stand:\n"+
			"what it shows may be from before it\n", block)
	}
	return err
}
