package witness

import "time"

// Figures is what a witness has counted, for whoever watches it.
type Figures struct {
	Chains       int       // that it remembers
	Cosigned     time.Time // when it last cosigned; zero: not since the start
	Contradicted uint64    // checkpoints, since the start, that contradict one it had cosigned
}

// Figures is what this witness has counted.
func (w *Witness) Figures() Figures {
	w.mu.Lock()
	f := Figures{Chains: len(w.chains), Contradicted: w.contradicted.Load()}
	w.mu.Unlock()
	if at := w.cosigned.Load(); at != 0 {
		f.Cosigned = time.UnixMicro(at)
	}
	return f
}
