package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/bpsc/bpsc/internal/harness"
)

// layAuthorities makes the authority that is to follow, and has clients trust both from the beginning: they read what
// they trust when they start.
func (w *World) layAuthorities(ctx context.Context) error {
	if _, err := w.answer(ctx, "init", "--out", w.successor(), "--members", "n1=127.0.0.1:1"); err != nil {
		return err
	}
	one, err1 := os.ReadFile(w.Cluster.TLS.Authorities())
	other, err2 := os.ReadFile(filepath.Join(w.successor(), "ca.crt"))
	if err := errors.Join(err1, err2, os.WriteFile(w.both(), slices.Concat(one, other), 0o644)); err != nil {
		return err
	}
	return w.Cluster.Trusting(w.both())
}

// successor is the folder of the authority that is to follow, or that was before.
func (w *World) successor() string { return filepath.Join(w.Dir, "authority") }

// both is the file of both authorities.
func (w *World) both() string { return filepath.Join(w.Dir, "authorities.crt") }

// succeed are the steps in which another authority takes the place of the one that members go by, as
// docs/operations.md has them.
func (w *World) succeed(members []*harness.Member) []step {
	var others []string
	for _, m := range w.Cluster.Members {
		if !slices.Contains(members, m) {
			others = append(others, m.ID)
		}
	}
	own := w.Cluster.TLS.Dir
	steps := w.entrust(members, w.both())
	steps = append(steps, func(context.Context) error {
		return errors.Join(swap(own, w.successor(), "ca.crt"), swap(own, w.successor(), "ca.key"))
	})
	steps = append(steps, w.renew(members, true, others...)...)
	return append(steps, w.entrust(members, filepath.Join(own, "ca.crt"))...)
}

// swap has two folders change a file.
func swap(one, other, name string) error {
	aside := filepath.Join(one, name+".aside")
	return errors.Join(os.Rename(filepath.Join(one, name), aside), os.Rename(filepath.Join(other, name), filepath.Join(one, name)), os.Rename(aside, filepath.Join(other, name)))
}

// entrust are the steps in which all members get a file of authorities, and those that run have taken it: they
// say so, or have been started since.
func (w *World) entrust(members []*harness.Member, file string) []step {
	type mark struct {
		pid int
		log int64
	}
	marks := map[string]mark{}
	return []step{
		func(context.Context) error {
			text, err := os.ReadFile(file)
			for _, m := range members {
				marks[m.ID] = mark{m.PID(), m.LogSize()}
			}
			for _, m := range w.Cluster.Members {
				place := filepath.Join(w.Cluster.TLS.Dir, m.ID, "ca.crt")
				err = errors.Join(err, os.WriteFile(place+".next", text, 0o644), os.Rename(place+".next", place))
			}
			return err
		},
		func(context.Context) error {
			for _, m := range members {
				if m.Alive() {
					_ = m.Signal(syscall.SIGHUP) // who dies just now reads it when it starts
				}
			}
			return nil
		},
		func(context.Context) error {
			for _, m := range members {
				before := marks[m.ID]
				again := m.Alive() && m.PID() != before.pid && !w.down[m.ID]["starting"]
				if !again && !tookCertificates(m.LogFrom(before.log)) {
					return fmt.Errorf("%s has not taken %s", m.ID, file)
				}
			}
			return nil
		},
	}
}

// tookCertificates tells whether a member says so of those by which it talks to the others.
func tookCertificates(log string) bool {
	return slices.ContainsFunc(strings.Split(log, "\n"), func(line string) bool {
		return strings.Contains(line, "took new certificates") && strings.Contains(line, "peer.crt")
	})
}
