package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// maxPassphraseFile bounds what is read of a passphrase file.
const maxPassphraseFile = 4 << 10

// passphrase gets the passphrase of a key from the file named, else from the
// terminal. A fresh one is asked for twice: nobody can tell what was mistyped.
// It never comes from an argument, which everybody on the machine can read.
func (k *keyOptions) passphrase(cmd *cobra.Command, name string, fresh bool) (string, error) {
	if k.passphraseFile != "" {
		return readPassphrase(k.passphraseFile)
	}
	if !fresh {
		return prompt(cmd.Context(), fmt.Sprintf("Passphrase of %s: ", name))
	}
	first, err := prompt(cmd.Context(), fmt.Sprintf("New passphrase for %s: ", name))
	if err != nil {
		return "", err
	}
	second, err := prompt(cmd.Context(), "The same again: ")
	if err == nil && first != second {
		err = argError("the two passphrases differ")
	}
	return first, err
}

// readPassphrase reads the first line of a file.
func readPassphrase(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("%w: --passphrase-file: %w", errUsage, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxPassphraseFile))
	if err != nil {
		return "", fmt.Errorf("--passphrase-file: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	line = strings.TrimSuffix(line, "\r")
	if line == "" {
		return "", argError("--passphrase-file: the first line of %s is empty", path)
	}
	return line, nil
}

// prompt asks on the terminal, also when the input is a pipe. What is typed
// is not shown.
func prompt(ctx context.Context, question string) (string, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return "", argError("there is no terminal to ask for a passphrase on: name a file with --passphrase-file")
	}
	defer tty.Close()
	if _, err := fmt.Fprint(tty, question); err != nil {
		return "", err
	}
	line, err := readHidden(ctx, tty)
	fmt.Fprintln(tty)
	if err == nil && line == "" {
		err = argError("the passphrase is empty")
	}
	return line, err
}

// readHidden reads a line without echo. When ctx ends first, the terminal is
// put back as it was; the reader is left behind, for the process is about to
// end.
func readHidden(ctx context.Context, tty *os.File) (string, error) {
	fd := int(tty.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("terminal: %w", err)
	}
	type answer struct {
		line []byte
		err  error
	}
	typed := make(chan answer, 1)
	go func() {
		line, err := term.ReadPassword(fd)
		typed <- answer{line, err}
	}()
	select {
	case a := <-typed:
		if a.err != nil {
			return "", fmt.Errorf("terminal: %w", a.err)
		}
		return string(a.line), nil
	case <-ctx.Done():
		_ = term.Restore(fd, before) // nothing better is left to do
		return "", ctx.Err()
	}
}
