package folder

import (
	"net/url"
	"path/filepath"
	"slices"

	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/store"
)

// NeighboursFile has the URLs of the others, for a rebuild of this member when nothing else
// in its folder can be read any more. It is a hint: what comes from there is verified. Without
// it the state says the same, or that of a snapshot.
const NeighboursFile = "neighbours.json"

// maxNeighbours bounds what is believed of the file: more members nobody has.
const maxNeighbours = 64

// WriteNeighbours replaces the file.
func WriteNeighbours(data string, urls []string) error {
	return durable.WriteSealed(filepath.Join(data, NeighboursFile), urls)
}

// Others are the URLs of the members of a cluster but that of one id, whichever instance; each
// once, sorted.
func Others(members map[string]store.Member, id string) (urls []string) {
	for who, other := range members {
		if other.Since > 0 && !other.Removed && other.URL != "" && identity.Identity(who).ID() != id {
			urls = append(urls, other.URL)
		}
	}
	slices.Sort(urls)
	return slices.Compact(urls) // one that is being replaced is two
}

// Neighbours are the URLs of the others as far as the folder of a member tells that no process
// has open; nothing where it does not.
func Neighbours(data, id string) []string {
	if noted := NotedNeighbours(data); len(noted) > 0 {
		return noted
	}
	snapshots, _ := filepath.Glob(filepath.Join(data, Raft, "snapshots", "*", State))
	for _, dir := range append([]string{filepath.Join(data, State)}, snapshots...) {
		members, err := store.MembersIn(dir)
		if err != nil {
			continue // what cannot be read is for others to say
		}
		if urls := Others(members, id); len(urls) > 0 {
			return urls
		}
	}
	return nil
}

// NotedNeighbours reads the file; nothing where it is not there or says nothing.
func NotedNeighbours(data string) (urls []string) {
	if durable.ReadSealed(filepath.Join(data, NeighboursFile), &urls) != nil || len(urls) > maxNeighbours {
		return nil
	}
	return slices.DeleteFunc(urls, func(url string) bool { return !withoutSecrets(url) })
}

// withoutSecrets tells of a URL that it has no place in which a secret could be.
func withoutSecrets(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.User == nil && u.RawQuery == "" && u.Fragment == "" && u.String() == text
}
