package bench

import "math/rand/v2"

// picker draws who sends how much to whom. One goroutine uses it.
type picker struct {
	rng     *rand.Rand
	zipf    *rand.Zipf // nil where all wallets are alike
	wallets int
}

// pick is the picker of a connection: it follows from the seed.
func (b *options) pick(connection int) *picker {
	p := &picker{rng: rand.New(rand.NewPCG(b.seed, uint64(connection))), wallets: b.wallets}
	if b.zipf > 0 {
		p.zipf = rand.NewZipf(p.rng, b.zipf, 1, uint64(b.wallets-1))
	}
	return p
}

func (p *picker) wallet() int {
	if p.zipf != nil {
		return int(p.zipf.Uint64())
	}
	return p.rng.IntN(p.wallets)
}

// pair draws two wallets that are not one.
func (p *picker) pair() (sender, recipient int) {
	sender, recipient = p.wallet(), p.wallet()
	if sender == recipient {
		recipient = (sender + 1) % p.wallets
	}
	return sender, recipient
}

// amount draws base units: six digits, so that texts are of one length.
func (p *picker) amount() int { return 100_000 + p.rng.IntN(900_000) }
