package main

import (
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"
)

// maxInput bounds a file or an input that holds one key or one transaction.
const maxInput = 64 << 10

// openInput opens a file that the user named, - for standard input.
func openInput(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(os.Stdin), nil
	}
	return os.Open(path)
}

// readBounded reads a whole file. One byte more than the limit is read, so that
// whoever parses it can say that it is too large.
func readBounded(path string, limit int) ([]byte, error) {
	f, err := openInput(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, int64(limit)+1))
}

// readInput reads a file with a key or a transaction.
func readInput(path string) ([]byte, error) {
	f, err := openInput(path)
	if err != nil {
		return nil, argError("%w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxInput+1))
	if err == nil && len(text) > maxInput {
		err = argError("%s has over %d bytes", path, maxInput)
	}
	return text, err
}

// argError is a mistake in the command line or the configuration.
func argError(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errUsage, fmt.Errorf(format, args...))
}

// exactArgs is cobra.ExactArgs with an error that counts as usage.
func exactArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return argError("%s takes %d argument(s): %s", cmd.CommandPath(), n, cmd.UseLine())
		}
		return nil
	}
}

func atMostOneArg(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return argError("%s takes one argument at most: %s", cmd.CommandPath(), cmd.UseLine())
	}
	return nil
}

func parseIndex(text string) (uint64, error) {
	index, err := strconv.ParseUint(text, 10, 63)
	if err != nil || index == 0 {
		return 0, argError("%q is not the index of a block: they count from 1", text)
	}
	return index, nil
}
