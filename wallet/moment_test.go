package wallet

import (
	"errors"
	"testing"
	"time"

	"github.com/bpsc/bpsc/chain"
)

// What is signed lasts as long as was asked by the chain's time, and at most a
// day by the local clock.
func TestExpires(t *testing.T) {
	const h = time.Hour
	local := time.Unix(1_800_000_000, 0)
	tests := []struct {
		ahead, valid time.Duration
		trusted      bool
		want         time.Duration // after local; 0 for refused
	}{
		{0, h, false, h},
		{0, 24 * h, false, 24 * h},
		{time.Second, 24 * h, false, 24 * h},
		{2 * h, h, false, 3 * h},
		{-2 * h, 3 * h, false, h},
		{23*h + 30*time.Minute, h, false, 24 * h},
		{24*h - time.Second, h, false, 0},
		{24*h - time.Second, time.Second, false, 24 * h},
		{25 * h, h, false, 0},
		{100_000 * h, time.Second, false, 0},
		{25 * h, h, true, 26 * h},
	}
	for _, tt := range tests {
		got, err := Moment{Local: local, Chain: local.Add(tt.ahead), Trusted: tt.trusted}.Expires(tt.valid)
		switch {
		case tt.want == 0 && !errors.Is(err, ErrChainAhead):
			t.Errorf("%+v: %d, %v", tt, got, err)
		case tt.want != 0 && (err != nil || got != chain.SecondsOf(local.Add(tt.want))):
			t.Errorf("%+v: %v, %v", tt, got.Time().Sub(local), err)
		}
	}
}
