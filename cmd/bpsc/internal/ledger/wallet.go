package ledger

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/wallet"
)

func newWalletCommand() *cobra.Command {
	o, k := &cli.Options{}, &keyOptions{}
	cmd := &cobra.Command{
		Use: "wallet", Short: "Keep the keys of signed contracts",
		Long: "Keep the keys of signed contracts: one file each, encrypted under a passphrase. A key\n" +
			"is nowhere else. Whoever loses the file or the passphrase has lost the tokens.",
	}
	o.OutputFlag(cmd)
	k.flags(cmd)
	cmd.AddCommand(newWalletNewCommand(o, k), newWalletListCommand(o, k), withNames(k, newWalletShowCommand(o, k)),
		withNames(k, newWalletExportCommand(k)), newWalletImportCommand(o, k))
	return cmd
}

// withNames has shells complete the name of a wallet that there is.
func withNames(k *keyOptions, cmd *cobra.Command) *cobra.Command {
	cli.CompleteArgs(cmd, 1, k.names)
	return cmd
}

func newWalletNewCommand(o *cli.Options, k *keyOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use: "new NAME", Short: "Draw a key and store it", Args: cli.ExactArgs(1),
		Example: `  bpsc wallet new alice`,
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := k.create(cmd, args[0])
			if err != nil {
				return err
			}
			return printWallet(o, cmd, args[0], key.Address())
		},
	}
	k.workFlag(cmd)
	return cmd
}

// create draws and stores a key.
func (k *keyOptions) create(cmd *cobra.Command, name string) (*wallet.Key, error) {
	s, err := k.store()
	if err == nil {
		err = s.Free(name)
	}
	if err != nil {
		return nil, err
	}
	passphrase, err := k.passphrase(cmd, name, true)
	if err != nil {
		return nil, err
	}
	return s.New(name, passphrase)
}

func printWallet(o *cli.Options, cmd *cobra.Command, name, address string) error {
	return o.Print(cmd.OutOrStdout(), wallet.Entry{Name: name, Address: address},
		table.Row{"wallet", "address"}, table.Row{name, address})
}

func newWalletListCommand(o *cli.Options, k *keyOptions) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the keys with their addresses", Args: cli.ExactArgs(0),
		Example: `  bpsc wallet list`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := k.store()
			if err != nil {
				return err
			}
			entries, err := s.List()
			if err != nil {
				return err
			}
			var rows []table.Row
			for _, e := range entries {
				rows = append(rows, table.Row{e.Name, e.Address})
			}
			return o.Print(cmd.OutOrStdout(), entries, table.Row{"wallet", "address"}, rows...)
		},
	}
}

// shownWallet is all about a key but its secret.
type shownWallet struct {
	Name      string    `json:"name"`
	Address   string    `json:"address"`
	PublicKey string    `json:"public_key"`
	Rotated   bool      `json:"rotated"` // the address is that of an earlier key
	Created   time.Time `json:"created"`
}

func newWalletShowCommand(o *cli.Options, k *keyOptions) *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show a key's address and public key", Args: cli.ExactArgs(1),
		Example: `  bpsc wallet show alice`,
		Long:    "Show a key's address and public key. It takes the passphrase, and so shows that the\nfile is whole and the passphrase the right one.",
		RunE: func(cmd *cobra.Command, args []string) error {
			stored, err := k.unlock(cmd, args[0])
			if err != nil {
				return err
			}
			v := shownWallet{Name: args[0], Address: stored.Key.Address(), Rotated: stored.Key.Rotated(), Created: stored.Created,
				PublicKey: chain.Hash(stored.Key.PublicKey()).String()}
			return o.Print(cmd.OutOrStdout(), v, table.Row{"wallet", "address", "public key", "rotated", "created"},
				table.Row{v.Name, v.Address, v.PublicKey, v.Rotated, v.Created.Format(time.RFC3339)})
		},
	}
}

func newWalletExportCommand(k *keyOptions) *cobra.Command {
	var private bool
	cmd := &cobra.Command{
		Use: "export NAME", Short: "Print a key to keep it elsewhere", Args: cli.ExactArgs(1),
		Example: `  bpsc wallet export alice > alice.age`,
		Long: "Print a key file as it is, encrypted: an age file that `bpsc wallet import` takes back\n" +
			"and `age -d` opens. With --private-key print the secret itself in hex instead.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if private {
				stored, err := k.unlock(cmd, args[0])
				if err == nil {
					_, err = fmt.Fprintln(cmd.OutOrStdout(), stored.Key.PrivateHex())
				}
				return err
			}
			s, err := k.store()
			if err != nil {
				return err
			}
			text, err := s.Export(args[0])
			if err == nil {
				_, err = cmd.OutOrStdout().Write(text)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&private, "private-key", false, "print the secret in the clear: whoever reads it has the tokens")
	return cmd
}

func newWalletImportCommand(o *cli.Options, k *keyOptions) *cobra.Command {
	var file, address string
	cmd := &cobra.Command{
		Use: "import NAME [--in FILE]", Short: "Store a key that was exported", Args: cli.ExactArgs(1),
		Example: `  bpsc wallet import alice --in alice.age`,
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
			text, err := cli.ReadInput(file)
			if err != nil {
				return err
			}
			key, err := k.importKey(cmd, s, args[0], text, address)
			if err != nil {
				return err
			}
			return printWallet(o, cmd, args[0], key.Address())
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
			return nil, cli.ArgError("--address goes with a private key: an encrypted file says its own")
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
		return nil, cli.ArgError("neither a key file nor a private key: %w", err)
	}
	passphrase, err := k.passphrase(cmd, name, true)
	if err != nil {
		return nil, err
	}
	return key, s.Store(name, passphrase, key)
}
