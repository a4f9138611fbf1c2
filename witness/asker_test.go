package witness

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain/proof"
)

// answers counts a witness's answers by their status.
type answers struct {
	http.Handler
	mu     sync.Mutex
	counts map[int]int
}

func (a *answers) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	a.Handler.ServeHTTP(&counted{rw, a, false}, r)
}

func (a *answers) take() map[int]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	counts := a.counts
	a.counts = nil
	return counts
}

type counted struct {
	http.ResponseWriter
	a     *answers
	wrote bool
}

func (c *counted) WriteHeader(status int) {
	c.wrote = true
	c.a.mu.Lock()
	if c.a.counts == nil {
		c.a.counts = map[int]int{}
	}
	c.a.counts[status]++
	c.a.mu.Unlock()
	c.ResponseWriter.WriteHeader(status)
}

func (c *counted) Write(data []byte) (int, error) {
	if !c.wrote {
		c.WriteHeader(http.StatusOK)
	}
	return c.ResponseWriter.Write(data)
}

// rig is a cluster that asks one witness.
type rig struct {
	*cluster
	witness *Witness
	answers *answers
	asker   *Asker
}

func newRig(t *testing.T) *rig {
	r := &rig{cluster: newCluster(t, "ours")}
	r.witness = newWitness(t, t.TempDir(), r.log(t, "ours"))
	r.answers = &answers{Handler: r.witness.Handler()}
	r.asker = r.newAsker(t)
	return r
}

func (r *rig) newAsker(t *testing.T) *Asker {
	return NewAsker(newClient(t), proof.Cosigner{Name: "w1", Key: witnessKey(t).Verifier(), URL: serve(t, r.answers)}, nil)
}

func (r *rig) ask(t *testing.T, a *Asker, h history, size uint64) error {
	t.Helper()
	c := h.at(t, 1, size)
	line, err := a.Ask(t.Context(), r.sign(t, c, 0, 1), h)
	if err != nil {
		require.Empty(t, line)
		return err
	}
	require.NoError(t, witnessKey(t).Verifier().CheckLine(c.Body(), line))
	return nil
}

func TestTheAskerRemembersSizes(t *testing.T) {
	r, h := newRig(t), grow(t, 20, 20, "")
	require.NoError(t, r.ask(t, r.asker, h, 5))
	require.NoError(t, r.ask(t, r.asker, h, 5))
	require.NoError(t, r.ask(t, r.asker, h, 13))
	require.Equal(t, map[int]int{200: 3}, r.answers.take())

	// Another member does not know how far the witness is, and asks again.
	other := r.newAsker(t)
	require.NoError(t, r.ask(t, other, h, 17))
	require.Equal(t, map[int]int{409: 1, 200: 1}, r.answers.take())

	// That makes the first one's memory wrong.
	require.NoError(t, r.ask(t, r.asker, h, 20))
	require.Equal(t, map[int]int{409: 1, 200: 1}, r.answers.take())
}

func TestARollbackIsRefused(t *testing.T) {
	r, h := newRig(t), grow(t, 20, 20, "")
	require.NoError(t, r.ask(t, r.asker, h, 12))
	for _, a := range []*Asker{r.asker, r.newAsker(t)} {
		err := r.ask(t, a, h, 7)
		require.ErrorIs(t, err, ErrRolledBack)
		require.ErrorContains(t, err, "has seen 12 blocks, this cluster has 7.")
		require.ErrorContains(t, err, "witness w1: this cluster went back in time: the witness has seen 12 blocks, this cluster has 7. It will not cosign until")
	}
	// The lost blocks are back.
	require.NoError(t, r.ask(t, r.asker, h, 14))
}

func TestASecondHistoryIsCalledThat(t *testing.T) {
	r, h, second := newRig(t), grow(t, 20, 20, ""), grow(t, 20, 6, "second")
	require.NoError(t, r.ask(t, r.asker, h, 12))
	for _, size := range []uint64{12, 13, 20} {
		for _, a := range []*Asker{r.asker, r.newAsker(t)} {
			require.ErrorIs(t, r.ask(t, a, second, size), ErrSecondHistory, "size %d", size)
		}
	}
	require.NoError(t, r.ask(t, r.asker, h, 13))
}

// A log that does not hold what its own checkpoint says is the member's own
// trouble, and no accusation.
func TestADamagedLogIsNoSecondHistory(t *testing.T) {
	r, h := newRig(t), grow(t, 20, 20, "")
	require.NoError(t, r.ask(t, r.asker, h, 12))
	r.answers.take()
	c := h.at(t, 1, 20)
	for name, damaged := range map[string]history{"other hashes": grow(t, 20, 6, "damaged"), "fewer hashes": grow(t, 10, 10, "")} {
		_, err := r.asker.Ask(t.Context(), r.sign(t, c, 0, 1), damaged)
		require.Error(t, err, name)
		require.NotErrorIs(t, err, ErrSecondHistory, name)
	}
	require.Empty(t, r.answers.take(), "the witness is not asked")
	_, err := r.asker.Ask(t.Context(), []byte("no note"), h)
	require.ErrorIs(t, err, proof.ErrNote)
}

func TestAWitnessThatDoesNotAnswerIsNamed(t *testing.T) {
	ours, h := newCluster(t, "ours"), grow(t, 20, 20, "")
	url := serve(t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		http.Error(rw, "not today", http.StatusServiceUnavailable)
	}))
	_, err := NewAsker(newClient(t), proof.Cosigner{Name: "w2", Key: witnessKey(t).Verifier(), URL: url}, nil).
		Ask(t.Context(), ours.sign(t, h.at(t, 1, 20), 0, 1), h)
	require.ErrorIs(t, err, errUnreachable)
	require.ErrorContains(t, err, `witness w2: the witness does not answer: 503, "not today"`)
}

// Witnesses that contradict themselves are asked twice and no more.
func TestAWitnessThatAlwaysConflicts(t *testing.T) {
	ours, h := newCluster(t, "ours"), grow(t, 20, 20, "")
	for _, c := range []struct {
		name  string
		sizes []string // what it says, in order
		want  error
	}{
		{"the size that the proof began with", []string{"0"}, errBadAnswer},
		{"a size and again the same", []string{"4", "4"}, errBadAnswer},
		{"a size and then another", []string{"4", "5"}, errStale},
		{"a size and then none", []string{"4", "0"}, errStale},
		{"ours, and then ours", []string{"9", "9"}, ErrSecondHistory},
		{"ours, and then more", []string{"9", "10"}, ErrRolledBack},
		{"ours, and then a refusal without a size", []string{"9", ""}, ErrSecondHistory},
		{"a refusal without a size", []string{""}, errRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := 0
			url := serve(t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
				asked++
				rw.Header().Set("Content-Type", sizeType)
				rw.WriteHeader(http.StatusConflict)
				if asked <= len(c.sizes) && c.sizes[asked-1] != "" {
					_, _ = io.WriteString(rw, c.sizes[asked-1]+"\n") // the client looks at what came
				}
			}))
			asker := NewAsker(newClient(t), proof.Cosigner{Name: "w1", Key: witnessKey(t).Verifier(), URL: url}, nil)
			line, err := asker.Ask(t.Context(), ours.sign(t, h.at(t, 1, 9), 0, 1), h)
			require.ErrorIs(t, err, c.want)
			require.Empty(t, line)
			require.Equal(t, len(c.sizes), asked)
			if !errors.Is(c.want, ErrSecondHistory) {
				require.NotErrorIs(t, err, ErrSecondHistory)
			}
		})
	}
}
