package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/wallet"
)

// maxInput bounds a file or an input that holds one key or one transaction.
const maxInput = 64 << 10

func newWalletImportCommand(o *clientOptions, k *keyOptions) *cobra.Command {
	var file, address string
	cmd := &cobra.Command{
		Use: "import NAME [--in FILE]", Short: "Store a key that was exported", Args: exactArgs(1),
		Long: "Store a key that was exported: an encrypted file under the passphrase it has, or a\n" +
			"private key of 64 hex digits under a new one.",
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := k.store()
			if err == nil {
				err = s.Free(args[0])
			}
			if err != nil {
				return err
			}
			text, err := readInput(cmd, file)
			if err != nil {
				return err
			}
			key, err := k.importKey(cmd, s, args[0], text, address)
			if err != nil {
				return err
			}
			return o.printWallet(cmd, args[0], key.Address())
		},
	}
	cmd.Flags().StringVar(&file, "in", "-", "file to read, - for the standard input")
	cmd.Flags().StringVar(&address, "address", "", "of a private key: the address it signs for, when its wallet was an earlier key's")
	k.workFlag(cmd)
	return cmd
}

// importKey stores either form of an exported key.
func (k *keyOptions) importKey(cmd *cobra.Command, s *wallet.Keystore, name string, text []byte, address string) (*wallet.Key, error) {
	if bytes.HasPrefix(text, []byte("-----BEGIN AGE")) {
		if address != "" {
			return nil, argError("--address goes with a private key: an encrypted file says its own")
		}
		passphrase, err := k.passphrase(cmd, name, false)
		if err != nil {
			return nil, err
		}
		return s.Import(name, passphrase, text)
	}
	key, err := wallet.ParseKey(strings.TrimSpace(string(text)))
	if err == nil && address != "" {
		key, err = key.For(address)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: neither a key file nor a private key: %w", errUsage, err)
	}
	passphrase, err := k.passphrase(cmd, name, true)
	if err != nil {
		return nil, err
	}
	return key, s.Store(name, passphrase, key)
}

// readInput reads a small file, or the standard input for "-".
func readInput(cmd *cobra.Command, path string) ([]byte, error) {
	in := cmd.InOrStdin()
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errUsage, err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	if err == nil && len(text) > maxInput {
		err = argError("%s has over %d bytes", path, maxInput)
	}
	return text, err
}
