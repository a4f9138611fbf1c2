package backup

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/bpsc/bpsc/chain"
)

// Entry is a backup in a place.
type Entry struct {
	Name     string
	Size     int64
	Manifest Manifest
	// Err is why it cannot be used; what a glance finds, or with check reading all.
	Err error
}

// List looks at each backup in a place. Without check it looks at their ends, which
// finds what is cut short, and not what has changed before; with it, all are read.
func List(ctx context.Context, p Place, check bool) ([]Entry, error) {
	names, err := p.List(ctx)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(names))
	for i, name := range names {
		if entries[i], err = look(ctx, p, name, check); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(entries, func(a, b Entry) int { return a.Manifest.Taken.Compare(b.Manifest.Taken) })
	return entries, nil
}

// look returns an error where it cannot tell.
func look(ctx context.Context, p Place, name string, check bool) (e Entry, err error) {
	stored, err := p.Open(ctx, name)
	if err != nil {
		return e, err
	}
	defer stored.Close()
	e = Entry{Name: name, Size: stored.Size()}
	e.Manifest, e.Err = Glance(stored, e.Size)
	if check && e.Err == nil {
		_, e.Err = Read(io.NewSectionReader(stored, 0, e.Size), func(Begin, string, int64, io.Reader) error { return ctx.Err() })
	}
	if e.Err != nil && !errors.Is(e.Err, chain.ErrInvalid) && !errors.Is(e.Err, ErrNewer) {
		return e, e.Err
	}
	return e, nil
}

// NewestState is the newest whole backup of a state among entries.
func NewestState(entries []Entry) (Entry, bool) {
	return newest(entries, func(e *Entry) bool { return e.Err == nil && e.Manifest.Kind == State })
}

func newest(entries []Entry, is func(*Entry) bool) (found Entry, ok bool) {
	for i := range entries {
		if e := &entries[i]; is(e) && (!ok || e.Manifest.Taken.After(found.Manifest.Taken)) {
			found, ok = *e, true
		}
	}
	return found, ok
}

// LastOf is the newest whole backup of a chain: what the next one goes on from.
func LastOf(entries []Entry, token string) (Entry, bool) {
	return newest(entries, func(e *Entry) bool { return e.isOf(token) })
}

func (e *Entry) isOf(token string) bool {
	return e.Err == nil && e.Manifest.Kind == Chain && e.Manifest.Chains[0].Token == token
}

// Tokens are the chains that have backups of their own, in the order in which the
// contracts were created.
func Tokens(entries []Entry) (tokens []string) {
	number := map[string]int{}
	for i := range entries {
		if e := &entries[i]; e.Err == nil && e.Manifest.Kind == Chain {
			c := &e.Manifest.Chains[0]
			if _, known := number[c.Token]; !known {
				tokens = append(tokens, c.Token)
			}
			number[c.Token] = c.Number
		}
	}
	slices.SortFunc(tokens, func(a, b string) int { return cmp.Or(number[a]-number[b], cmp.Compare(a, b)) })
	return tokens
}

// SeriesOf is a backup of a chain with all before it, back to the first block.
func SeriesOf(entries []Entry, last Entry) ([]Entry, error) {
	series := []Entry{last}
	for {
		first := &series[0].Manifest
		if first.Before.IsZero() {
			return series, nil
		}
		i := slices.IndexFunc(entries, func(e Entry) bool { return e.Err == nil && e.Manifest.Digest == first.Before })
		if i < 0 {
			return nil, invalid(ErrGap, "%s goes on from backup %s, which is not there", series[0].Name, first.Before)
		}
		series = slices.Insert(series, 0, entries[i])
	}
}

// Keep is which backups Prune leaves: the newest of each kind, and of each chain,
// and those that they go on from.
type Keep struct {
	Newest int       // this many, at least; 0 counts as 1
	Since  time.Time // and all that were taken since; zero for none
}

// Prune returns the names of the whole backups that are not to be kept. One that is
// damaged is never among them, nor does it count: somebody should look at it.
func Prune(entries []Entry, keep Keep) (names []string) {
	kept := map[string]bool{}
	groups := map[string][]Entry{}
	for _, e := range entries {
		if e.Err == nil {
			group := string(e.Manifest.Kind)
			if e.Manifest.Kind == Chain {
				group += " " + e.Manifest.Chains[0].Token
			}
			groups[group] = append(groups[group], e)
		}
	}
	for _, group := range groups {
		slices.SortFunc(group, func(a, b Entry) int { return b.Manifest.Taken.Compare(a.Manifest.Taken) })
		for i, e := range group {
			if i >= max(keep.Newest, 1) && (keep.Since.IsZero() || e.Manifest.Taken.Before(keep.Since)) {
				continue
			}
			kept[e.Name] = true
			if e.Manifest.Kind == Chain {
				series, _ := SeriesOf(entries, e) // where one is missing, the rest is as it is
				for _, part := range series {
					kept[part.Name] = true
				}
			}
		}
	}
	for _, e := range entries {
		if e.Err == nil && !kept[e.Name] {
			names = append(names, e.Name)
		}
	}
	return names
}
