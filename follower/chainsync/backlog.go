package chainsync

import "time"

// backlog remembers since when blocks have been missing here that an upstream has. The
// zero value is of nothing missing. Where blocks keep coming it goes by those heard of
// first, and by those heard of since once the former are here.
type backlog struct{ oldest, next heard }

// heard is when an upstream first said that its chain has so many blocks.
type heard struct {
	length uint64
	at     time.Time
}

// heard notes that an upstream has length blocks, where this node has tip.
func (b *backlog) heard(length, tip uint64, now time.Time) {
	switch {
	case length <= tip:
		*b = backlog{}
	case b.oldest.length == 0:
		b.oldest = heard{length, now}
	case length < b.oldest.length: // another upstream, which does not have more
		b.oldest.length, b.next = length, heard{}
	case length > b.oldest.length && b.next.length == 0:
		b.next = heard{length, now}
	}
}

// grew notes that this node has tip blocks.
func (b *backlog) grew(tip uint64) {
	for b.oldest.length > 0 && b.oldest.length <= tip {
		b.oldest, b.next = b.next, heard{}
	}
}

// since is when the blocks were heard of that are missing longest; zero: none is.
func (b *backlog) since() time.Time { return b.oldest.at }
