package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/wallet"
)

// keyOptions are the flags of all commands that use keys.
type keyOptions struct {
	dir            string
	passphraseFile string
	workFactor     int
	opened         map[string]wallet.Stored // asked for once a command
}

func (k *keyOptions) flags(cmd *cobra.Command) {
	k.dirFlag(cmd)
	f := cmd.PersistentFlags()
	f.StringVar(&k.passphraseFile, "passphrase-file", os.Getenv(cli.EnvPrefix+"PASSPHRASE_FILE"),
		"file whose first line is the passphrase; asked for on the terminal when empty ("+cli.EnvPrefix+"PASSPHRASE_FILE)")
	cli.Files(cmd, "passphrase-file")
}

// dirFlag adds the flag of commands that look up wallets' addresses.
func (k *keyOptions) dirFlag(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&k.dir, "wallets", "", "folder of the keys (default: "+cli.EnvPrefix+"WALLETS, else bpsc/keys in $XDG_DATA_HOME, else in ~/.local/share)")
	cli.Dirs(cmd, "wallets")
}

// workFlag adds the flag of commands that write key files.
func (k *keyOptions) workFlag(cmd *cobra.Command) {
	cmd.Flags().IntVar(&k.workFactor, "work-factor", wallet.DefaultWorkFactor,
		fmt.Sprintf("cost of one guess at the passphrase, 1 to %d; each step doubles it", wallet.MaxWorkFactor))
}

// names are those of the wallets, for a shell that completes one.
func (k *keyOptions) names(*cobra.Command) (names []string) {
	s, err := k.store()
	if err != nil {
		return nil
	}
	list, err := s.List()
	if err != nil {
		return nil
	}
	for _, e := range list {
		names = append(names, e.Name)
	}
	return names
}

// store is the folder of the keys. It is found when it is needed, so that
// commands that need none run without a home.
func (k *keyOptions) store() (*wallet.Keystore, error) {
	if k.workFactor < 0 || k.workFactor > wallet.MaxWorkFactor {
		return nil, cli.ArgError("--work-factor is 1 to %d", wallet.MaxWorkFactor)
	}
	s := &wallet.Keystore{Dir: k.dir, WorkFactor: k.workFactor}
	if s.Dir == "" {
		s.Dir = os.Getenv(cli.EnvPrefix + "WALLETS")
	}
	if s.Dir == "" {
		data, err := userDir("XDG_DATA_HOME", ".local/share")
		if err != nil {
			return nil, cli.ArgError("say where the keys are with --wallets: %v", err)
		}
		s.Dir = filepath.Join(data, "bpsc", "keys")
	}
	return s, nil
}

// userDir is the folder that a variable of the XDG base directories names, or
// where it is in the home by default.
func userDir(variable, inHome string) (string, error) {
	if dir := os.Getenv(variable); dir != "" {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, inHome), err
}

// unlock opens the key of that name.
func (k *keyOptions) unlock(cmd *cobra.Command, name string) (wallet.Stored, error) {
	if stored, done := k.opened[name]; done {
		return stored, nil
	}
	s, err := k.store()
	if err != nil {
		return wallet.Stored{}, err
	}
	// Nobody types a passphrase for a key that is not there.
	if _, err := s.Export(name); err != nil {
		return wallet.Stored{}, err
	}
	passphrase, err := k.passphrase(cmd, name, false)
	if err != nil {
		return wallet.Stored{}, err
	}
	stored, err := s.Load(name, passphrase)
	if err != nil {
		return wallet.Stored{}, err
	}
	if k.opened == nil {
		k.opened = map[string]wallet.Stored{}
	}
	k.opened[name] = stored
	return stored, nil
}

// account is what a contract calls a wallet: in a signed one an address, in an
// open one the name itself.
func (k *keyOptions) account(c *chain.Contract, name string) (string, error) {
	if c.Wallets == chain.OpenWallets {
		return name, nil
	}
	return k.address("account", name)
}

// oneOrOnly is the wallet that args name, or else the only one that there is.
func (k *keyOptions) oneOrOnly(args []string) (string, error) {
	if len(args) == 1 {
		return args[0], nil
	}
	s, err := k.store()
	if err != nil {
		return "", err
	}
	list, err := s.List()
	if err == nil && len(list) != 1 {
		err = cli.ArgError("say which wallet: there are %d in %s", len(list), s.Dir)
	}
	if err != nil {
		return "", err
	}
	return list[0].Name, nil
}

// address is the address that text is, or that of the key of that name.
func (k *keyOptions) address(flag, text string) (string, error) {
	err := chain.ValidateAddress(flag, text)
	if err == nil {
		return text, nil
	}
	s, storeErr := k.store()
	if storeErr != nil {
		return "", storeErr
	}
	address, nameErr := s.Address(text)
	switch {
	case nameErr == nil:
		return address, nil
	case errors.Is(nameErr, wallet.ErrName): // then it was meant as an address
		return "", cli.ArgError("%v", err)
	}
	return "", fmt.Errorf("--%s %s is no address, and: %w", flag, text, nameErr)
}

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
		err = cli.ArgError("the two passphrases differ")
	}
	return first, err
}

// readPassphrase reads the first line of a file.
func readPassphrase(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", cli.ArgError("--passphrase-file: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxPassphraseFile))
	if err != nil {
		return "", cli.ArgError("--passphrase-file: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	line = strings.TrimSuffix(line, "\r")
	if line == "" {
		return "", cli.ArgError("--passphrase-file: the first line of %s is empty", path)
	}
	return line, nil
}

// prompt asks on the terminal, also when the input is a pipe. What is typed
// is not shown.
func prompt(ctx context.Context, question string) (string, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return "", cli.ArgError("there is no terminal to ask for a passphrase on: name a file with --passphrase-file")
	}
	defer tty.Close()
	if _, err := fmt.Fprint(tty, question); err != nil {
		return "", err
	}
	line, err := readHidden(ctx, tty)
	fmt.Fprintln(tty)
	if err == nil && line == "" {
		err = cli.ArgError("the passphrase is empty")
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
