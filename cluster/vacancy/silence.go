package vacancy

import "time"

// Silence measures for how long the leader has not been heard. It goes by looks: what is
// between two of them counts as most at the most, so that a process that stood still
// itself does not take the others for silent. It is used by one goroutine.
type Silence struct {
	most    time.Duration
	heard   time.Time
	looked  time.Time
	lasting time.Duration
}

// NewSilence returns one for looks that are not further apart than most.
func NewSilence(most time.Duration) *Silence { return &Silence{most: most} }

// Look takes when the leader was heard last, and tells how long it has been silent.
func (s *Silence) Look(now, heard time.Time) time.Duration {
	if !heard.Equal(s.heard) {
		s.heard, s.lasting = heard, 0
	} else {
		s.lasting += min(now.Sub(s.looked), s.most)
	}
	s.looked = now
	return s.lasting
}
