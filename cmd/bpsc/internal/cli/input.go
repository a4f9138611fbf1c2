package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"
)

// maxInput bounds a file or an input that holds one key or one transaction.
const maxInput = 64 << 10

// OpenInput opens a file that the user named, - for standard input. A folder is none.
func OpenInput(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(os.Stdin), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = &fs.PathError{Op: "read", Path: path, Err: syscall.EISDIR}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// ReadBounded reads a whole file. One byte more than the limit is read, so that
// whoever parses it can say that it is too large.
func ReadBounded(path string, limit int) ([]byte, error) {
	f, err := OpenInput(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, int64(limit)+1))
}

// ReadInput reads a file with a key or a transaction.
func ReadInput(path string) ([]byte, error) {
	f, err := OpenInput(path)
	if err != nil {
		return nil, ArgError("%w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxInput+1))
	if err == nil && len(text) > maxInput {
		err = ArgError("%s has over %d bytes", path, maxInput)
	}
	return text, err
}

// ArgError is a mistake in the command line or the configuration.
func ArgError(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrUsage, fmt.Errorf(format, args...))
}

// ExactArgs is cobra.ExactArgs with an error that counts as usage.
func ExactArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return ArgError("%s takes %d argument(s): %s", cmd.CommandPath(), n, cmd.UseLine())
		}
		return nil
	}
}

func AtMostOneArg(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return ArgError("%s takes one argument at most: %s", cmd.CommandPath(), cmd.UseLine())
	}
	return nil
}

func ParseIndex(text string) (uint64, error) {
	index, err := strconv.ParseUint(text, 10, 63)
	if err != nil || index == 0 {
		return 0, ArgError("%q is not the index of a block: they count from 1", text)
	}
	return index, nil
}
