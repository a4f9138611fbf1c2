package provision

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/pki"
)

func newAddCommand() *cobra.Command {
	f := &initFlags{}
	cmd := &cobra.Command{
		Use: "add ID=HOST:PORT", Short: "Make the folder of a further member, which joins", Args: cli.ExactArgs(1),
		Long: "Make the folder of a further member in that of a cluster. It waits for\n`bpsc cluster add ID HOST:PORT` once it is started.",
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

func newRenewCommand() *cobra.Command {
	f := &initFlags{}
	cmd := &cobra.Command{
		Use: "renew [ID...]", Short: "Make new certificates for the members, by the names in those they have",
		Long: "Make new certificates and keys in the folders of the members, all or those named. A member takes\n" +
			"them a few seconds after they are in their place on its machine, without a restart; certificates\n" +
			"from before stay good until they end.",
		RunE: func(cmd *cobra.Command, args []string) error {
			ca, _, err := f.authority()
			if err != nil {
				return err
			}
			return f.renew(cmd, ca, args)
		},
	}
	f.folderFlag(cmd)
	return cmd
}

// authority reads that of a cluster's folder, and the name of the cluster.
func (f *initFlags) authority() (ca *pki.Authority, cluster string, err error) {
	cert, err := os.ReadFile(filepath.Join(f.out, caCert))
	if err != nil {
		return nil, "", fmt.Errorf("--out: %w", err)
	}
	key, err := os.ReadFile(filepath.Join(f.out, caKey))
	if err != nil {
		return nil, "", fmt.Errorf("--out: %w", err)
	}
	if ca, err = pki.ReadAuthority(cert, key); err != nil {
		return nil, "", fmt.Errorf("%s: %w", f.out, err)
	}
	members, err := f.certified()
	if err != nil {
		return nil, "", err
	}
	return ca, members[0].Cluster, nil
}

// certified are the members that have certificates in a cluster's folder.
func (f *initFlags) certified() (names []pki.Name, err error) {
	found, err := filepath.Glob(filepath.Join(f.out, "*", memberCert))
	if err != nil {
		return nil, err
	}
	for _, path := range found {
		cert, err := readCertificate(path)
		if err != nil {
			return nil, err
		}
		name, err := pki.NameOf(cert)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, cli.ArgError("--out %s has no folder of a member", f.out)
	}
	return names, nil
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

func (f *initFlags) renew(cmd *cobra.Command, ca *pki.Authority, ids []string) error {
	if f.valid <= 0 || f.valid > pki.AuthorityValid {
		return cli.ArgError("--valid must be a duration above 0 and at most %v", pki.AuthorityValid)
	}
	names, err := f.certified()
	if err != nil {
		return err
	}
	if ids, err = wanted(names, ids); err != nil {
		return err
	}
	for _, id := range ids {
		dir := filepath.Join(f.out, id)
		clients, err := readCertificate(filepath.Join(dir, apiCert))
		if err != nil {
			return err
		}
		m := member{id: id, hosts: clients.DNSNames}
		for _, ip := range clients.IPAddresses {
			m.hosts = append(m.hosts, ip.String())
		}
		l := &layout{name: names[0].Cluster}
		if err := l.certify(dir, m, ca, time.Now(), f.valid, durable.WriteFile); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(cmd.OutOrStdout(), "renewed %s until %s\n", dir, time.Now().Add(f.valid).UTC().Format(time.DateOnly)); err != nil {
			return err
		}
	}
	return nil
}

// wanted are the ids that are asked for, or all.
func wanted(names []pki.Name, ids []string) ([]string, error) {
	there := map[string]bool{}
	var all []string
	for _, name := range names {
		there[name.Member] = true
		all = append(all, name.Member)
	}
	for _, id := range ids {
		if !there[id] {
			return nil, cli.ArgError("there is no folder of a member %s", id)
		}
	}
	if len(ids) == 0 {
		return all, nil
	}
	return ids, nil
}
