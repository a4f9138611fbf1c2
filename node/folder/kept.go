package folder

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/keepsake"
)

// SayLost says in words what became of a file.
func SayLost(data string, f keepsake.Lost) string {
	path := filepath.Join(data, filepath.FromSlash(f.Name))
	if f.Altered {
		return path + " is not what this node wrote"
	}
	return path + " is missing, and it was there"
}

// IsPolicy tells which of a follower's files say whose signatures it goes by: where they are
// lost it would believe whoever is asked first, again.
func IsPolicy(name string) bool { return strings.HasPrefix(name, Policies+"/") }

// Kept opens the list of what a follower's folder has that nobody else has, and says what
// is lost of it; damaged where the list itself is. It changes nothing.
func Kept(data string) (kept *keepsake.List, lost []keepsake.Lost, damaged, err error) {
	kept, err = keepsake.Open(data)
	if errors.Is(err, keepsake.ErrUnreadable) {
		damaged, err = err, nil
	}
	if err != nil {
		return nil, nil, nil, err
	}
	if lost, err = kept.Lost(); err != nil {
		return nil, nil, nil, err
	}
	// Whether it is on the list or not: a follower has had its own chain before it has had a
	// state.
	used, err := durable.Exists(filepath.Join(data, State, "CURRENT"))
	if err != nil {
		return nil, nil, nil, err
	}
	own, err := durable.Exists(filepath.Join(data, Personal))
	if used && !own && !slices.ContainsFunc(lost, func(f keepsake.Lost) bool { return f.Name == Personal }) {
		lost = append(lost, keepsake.Lost{Name: Personal})
	}
	return kept, lost, damaged, err
}
