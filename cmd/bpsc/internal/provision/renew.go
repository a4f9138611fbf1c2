package provision

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/pki"
	"github.com/bpsc/bpsc/internal/secretfile"
)

func newAddCommand() *cobra.Command {
	f := &initFlags{}
	cmd := &cobra.Command{
		Use: "add ID=HOST:PORT", Short: "Make the folder of a further member, which joins", Args: cli.ExactArgs(1),
		Example: `  bpsc init add n4=10.0.0.4:6000`,
		Long:    "Make the folder of a further member in that of a cluster. It waits for\n`bpsc cluster add ID HOST:PORT` once it is started.",
		RunE: func(cmd *cobra.Command, args []string) error {
			f.members = args[0]
			ca, name, err := f.authority()
			if err != nil {
				return err
			}
			f.name = name
			l, err := f.layout()
			if err != nil {
				return err
			}
			root, err := os.ReadFile(filepath.Join(l.out, rootToken))
			if err != nil {
				return err
			}
			for i := range l.members {
				m := &l.members[i]
				m.joins = true
				if _, err := os.Lstat(filepath.Join(l.out, m.id)); !errors.Is(err, os.ErrNotExist) {
					return cli.ArgError("%s is there already", filepath.Join(l.out, m.id))
				}
				if err := l.writeMember(folder(l.out), *m, ca, root, nil, time.Now(), f.valid); err != nil {
					return err
				}
				for _, line := range append(l.startLines(*m), fmt.Sprintf("  bpsc cluster add %s %s", m.id, m.raft)) {
					if _, err := fmt.Fprintln(cmd.OutOrStdout(), line); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
	f.folderFlag(cmd)
	f.memberFlags(cmd)
	return cmd
}

// newCertCommand makes a certificate for a node that is no member: a follower or a witness.
func newCertCommand() *cobra.Command {
	f := &initFlags{}
	cmd := &cobra.Command{
		Use: "cert NAME --host HOST", Short: "Make the certificate of a follower or a witness", Args: cli.ExactArgs(1),
		Example: `  bpsc init cert f1 --host f1.example`,
		Long: "Make a folder with a certificate for clients of a node that is no member, its key, and the authority:\n" +
			"for --tls-cert, --tls-key and --cacert of bpsc follow and bpsc witness.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.checkValid(); err != nil {
				return err
			}
			if len(f.hosts) == 0 {
				return cli.ArgError("--host is required: by which names and addresses clients call it")
			}
			if err := folderName("NAME", args[0]); err != nil {
				return err
			}
			ca, _, err := f.authority()
			if err != nil {
				return err
			}
			dir := filepath.Join(f.out, args[0])
			if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
				return cli.ArgError("%s is there already", dir)
			}
			if err := durable.MkdirAll(dir, 0o750); err != nil {
				return err
			}
			cert, _, err := ca.Encode()
			if err != nil {
				return err
			}
			if err := folder(dir).write(caCert, cert, public); err != nil {
				return err
			}
			if err := certifyServer(dir, f.hosts, ca, time.Now(), f.valid, durable.CreateFile); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "made %s: --tls-cert %s --tls-key %s --cacert %s\n", dir, apiCert, apiKey, caCert)
			return err
		},
	}
	f.folderFlag(cmd)
	cmd.Flags().StringArrayVar(&f.hosts, "host", nil, "name or address by which clients call it; may be repeated (required)")
	return cmd
}

func newRenewCommand() *cobra.Command {
	f := &initFlags{}
	cmd := &cobra.Command{
		Use: "renew [NAME...]", Short: "Make new certificates, by the names in those that are there",
		Example: `  bpsc init renew`,
		Long: "Make new certificates and keys in the folders of members, followers and witnesses, all or those named.\n" +
			"A node takes them a few seconds after they are in their place on its machine, without a restart;\n" +
			"certificates from before stay good until they end.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.checkValid(); err != nil {
				return err
			}
			ca, cluster, err := f.authority()
			if err != nil {
				return err
			}
			names, err := f.wanted(args)
			if err != nil {
				return err
			}
			for _, name := range names {
				dir := filepath.Join(f.out, name)
				if err := renew(dir, cluster, ca, f.valid); err != nil {
					return err
				}
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "renewed %s until %s\n", dir, time.Now().Add(f.valid).UTC().Format(time.DateOnly)); err != nil {
					return err
				}
			}
			return nil
		},
	}
	f.folderFlag(cmd)
	return cmd
}

// renew replaces the certificates of a folder by others with the same names.
func renew(dir, cluster string, ca *pki.Authority, valid time.Duration) error {
	clients, err := readCertificate(filepath.Join(dir, apiCert))
	if err != nil {
		return err
	}
	hosts := clients.DNSNames
	for _, ip := range clients.IPAddresses {
		hosts = append(hosts, ip.String())
	}
	among, err := readCertificate(filepath.Join(dir, memberCert))
	if errors.Is(err, os.ErrNotExist) {
		return certifyServer(dir, hosts, ca, time.Now(), valid, durable.WriteFile)
	} else if err != nil {
		return err
	}
	name, err := pki.NameOf(among)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	l := &layout{name: cluster}
	return l.certify(dir, member{id: name.Member, hosts: hosts}, ca, time.Now(), valid, durable.WriteFile)
}

// authority reads that of a cluster's folder, and the name of the cluster, which its
// members' certificates have.
func (f *initFlags) authority() (ca *pki.Authority, cluster string, err error) {
	cert, err := os.ReadFile(filepath.Join(f.out, caCert))
	if err != nil {
		return nil, "", fmt.Errorf("--out: %w", err)
	}
	key, err := secretfile.Read(filepath.Join(f.out, caKey), pki.MaxFile)
	if err != nil {
		return nil, "", fmt.Errorf("--out: %w", err)
	}
	if ca, err = pki.ReadAuthority(cert, key); err != nil {
		return nil, "", fmt.Errorf("%s: %w", f.out, err)
	}
	found, err := filepath.Glob(filepath.Join(f.out, "*", memberCert))
	if err != nil {
		return nil, "", err
	}
	if len(found) == 0 {
		return nil, "", cli.ArgError("--out %s has no folder of a member", f.out)
	}
	among, err := readCertificate(found[0])
	if err != nil {
		return nil, "", err
	}
	name, err := pki.NameOf(among)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", found[0], err)
	}
	return ca, name.Cluster, nil
}

func readCertificate(path string) (*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	list, err := pki.Certificates(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return list[0], nil
}

// wanted are the folders that are asked for, or all.
func (f *initFlags) wanted(asked []string) (names []string, err error) {
	found, err := filepath.Glob(filepath.Join(f.out, "*", apiCert))
	if err != nil {
		return nil, err
	}
	for _, path := range found {
		names = append(names, filepath.Base(filepath.Dir(path)))
	}
	for _, name := range asked {
		if !slices.Contains(names, name) {
			return nil, cli.ArgError("there is no folder of %s in %s", name, f.out)
		}
	}
	if len(asked) == 0 {
		return names, nil
	}
	return asked, nil
}
