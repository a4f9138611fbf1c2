package proof_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// split is a world whose members signed two histories that part at a leaf.
type split struct {
	*world
	one, other stored
	id         chain.Hash
}

func newSplit(t testing.TB, size, fork int) *split {
	s := &split{world: newWorld(t, 1, nil)}
	s.id = chain.Hash{1} // of at's checkpoints
	s.pin = proof.Chain{Token: token, ID: s.id}
	_, s.one = grow(t, size, size)
	_, s.other = grow(t, size, fork)
	return s
}

// then is what the other history was at a size, with its proof up to another.
func (s *split) then(m, n int) (chain.Hash, []chain.Hash) {
	if m == n {
		return chain.Hash{}, nil
	}
	path, root, err := proof.ProveConsistency(uint64(m), uint64(n), s.other)
	require.NoError(s.t, err)
	return root, path
}

func TestTwoHistoriesConvictWhoSignedBoth(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(1, 80).Draw(r, "size")
		m := rapid.IntRange(1, n).Draw(r, "smaller")
		s := newSplit(t, n, rapid.IntRange(0, m-1).Draw(r, "fork"))
		a, b := s.sign(at(t, m, s.one), 0, 1), s.sign(at(t, n, s.other), 1, 2)
		root, path := s.then(m, n)
		if rapid.Bool().Draw(r, "swapped") {
			a, b = b, a
		}
		e, err := proof.NewEquivocation(a, b, root, path)
		require.NoError(r, err)
		again, err := proof.ParseEvidence(e.Marshal())
		require.NoError(r, err)
		c, err := again.Verify(s.policy())
		require.NoError(r, err)
		require.Equal(r, []string{"n2"}, c.Signed)
		require.LessOrEqual(r, c.A.Size, c.B.Size)
		require.LessOrEqual(r, len(e.Marshal()), proof.MaxEvidenceBytes)
	})
}

// Nobody can be framed: of one history, no root and no path make evidence.
func TestOneHistoryConvictsNobody(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(2, 80).Draw(r, "size")
		m := rapid.IntRange(1, n-1).Draw(r, "smaller")
		s := newSplit(t, n, n)
		a, b := s.sign(at(t, m, s.one), 0, 1, 2), s.sign(at(t, n, s.one), 0, 1, 2)
		root, path := s.then(m, n)
		_, err := proof.NewEquivocation(a, b, root, path)
		require.ErrorIs(r, err, proof.ErrConsistent)
		root[rapid.IntRange(0, 31).Draw(r, "byte")] ^= 1
		_, err = proof.NewEquivocation(a, b, root, path)
		require.ErrorIs(r, err, proof.ErrEvidencePath)
		if len(path) > 0 {
			path[rapid.IntRange(0, len(path)-1).Draw(r, "hash")] = chain.Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(r, "forged"))
			_, err = proof.NewEquivocation(a, b, root, path)
			require.ErrorIs(r, err, proof.ErrEvidencePath)
		}
	})
}

func TestEvidenceRefuses(t *testing.T) {
	const m, n = 5, 8
	s := newSplit(t, n, 3)
	root, path := s.then(m, n)
	a, b := at(t, m, s.one), at(t, n, s.other)
	good := proof.Equivocation{A: s.sign(a, 0, 1), B: s.sign(b, 1, 2), Root: root, Path: path}
	_, err := good.Verify(s.policy())
	require.NoError(t, err)
	elsewhere := b
	elsewhere.Origin = proof.Origin(token, chain.Hash{9})
	for _, c := range []struct {
		name  string
		spoil func(e *proof.Equivocation)
		want  error
	}{
		{"the same checkpoint twice", func(e *proof.Equivocation) { *e = proof.Equivocation{A: e.A, B: e.A} }, proof.ErrConsistent},
		{"nobody signed both", func(e *proof.Equivocation) { e.A, e.B = s.sign(a, 0), s.sign(b, 2) }, proof.ErrNobody},
		{"a removed member signed both", func(e *proof.Equivocation) { e.A, e.B = s.sign(a, 0, 3), s.sign(b, 2, 3) }, proof.ErrNobody},
		{"a signature of another checkpoint", func(e *proof.Equivocation) { e.B = bytes.Replace(e.B, []byte("\n8\n"), []byte("\n9\n"), 1) }, proof.ErrSignature},
		{"two chains", func(e *proof.Equivocation) { e.B = s.sign(elsewhere, 1) }, proof.ErrOrigin},
		{"no path", func(e *proof.Equivocation) { e.Path = nil }, proof.ErrEvidencePath},
		{"a longer path", func(e *proof.Equivocation) { e.Path = append(slices.Clone(path), chain.Hash{}) }, proof.ErrEvidencePath},
		{"a path longer than any", func(e *proof.Equivocation) { e.Path = make([]chain.Hash, 42) }, proof.ErrEvidencePath},
		{"another root", func(e *proof.Equivocation) { e.Root = chain.Hash{7} }, proof.ErrEvidencePath},
		{"the root that A says", func(e *proof.Equivocation) { e.Root = a.Root }, proof.ErrConsistent},
		{"the larger one first", func(e *proof.Equivocation) { e.A, e.B = e.B, e.A }, proof.ErrEvidence},
		{"a path at equal sizes", func(e *proof.Equivocation) { e.A = s.sign(at(t, n, s.one), 1) }, proof.ErrEvidence},
		{"a path alone at equal sizes", func(e *proof.Equivocation) { e.A, e.Root = s.sign(at(t, n, s.one), 1), chain.Hash{} }, proof.ErrEvidence},
		{"a root alone at equal sizes", func(e *proof.Equivocation) { e.A, e.Path = s.sign(at(t, n, s.one), 1), nil }, proof.ErrEvidence},
		{"no note", func(e *proof.Equivocation) { e.A = nil }, proof.ErrEmpty},
		{"a note that is none", func(e *proof.Equivocation) { e.B = []byte("b\n") }, proof.ErrNote},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := good
			c.spoil(&e)
			_, err := e.Verify(s.policy())
			require.ErrorIs(t, err, c.want)
		})
	}
	elsewhere.Size = a.Size
	_, err = proof.NewEquivocation(s.sign(a, 0), s.sign(elsewhere, 0), chain.Hash{}, nil)
	require.ErrorIs(t, err, proof.ErrOrigin)
	_, err = good.Verify(nil)
	require.ErrorIs(t, err, proof.ErrPolicy)

	file := string(good.Marshal())
	for name, text := range map[string]string{
		"no JSON":              "evidence",
		"bytes behind it":      file + "\n",
		"no newline":           strings.TrimSuffix(file, "\n"),
		"another format":       strings.Replace(file, "v1", "v2", 1),
		"another key":          strings.Replace(file, `"root"`, `"roof"`, 1),
		"a key more":           strings.Replace(file, `{"a"`, `{"0": 1, "a"`, 1),
		"a short hash":         strings.Replace(file, `"path": ["`, `"path": ["0`, 1),
		"a number as a note":   strings.Replace(file, `"a": "`, `"a": 1, "z": "`, 1),
		"a path of many":       strings.Replace(file, `"path": [`, `"path": [`+strings.Repeat(`"`+chain.Hash{}.String()+`", `, 42), 1),
		"white space":          strings.Replace(file, ": ", ":  ", 1),
		"another escape":       strings.Replace(file, `\n`, `\u000a`, 1),
		"characters not ASCII": strings.Replace(file, `\u2014`, `—`, 1),
	} {
		require.NotEqual(t, file, text, name)
		_, err := proof.ParseEvidence([]byte(text))
		require.ErrorIs(t, err, proof.ErrEvidence, name)
	}
	_, err = proof.ParseEvidence(nil)
	require.ErrorIs(t, err, proof.ErrEmpty)
	_, err = proof.ParseEvidence(make([]byte, proof.MaxEvidenceBytes+1))
	require.ErrorIs(t, err, proof.ErrTooLarge)
}

func TestWitnessesAreConvictedToo(t *testing.T) {
	s := newSplit(t, 4, 2)
	p, err := proof.NewPolicy([]proof.Cosigner{s.cosigner(0), s.cosigner(1), s.cosigner(2)}, 2, []proof.Cosigner{s.cosigner(3)}, 1)
	require.NoError(t, err)
	e, err := proof.NewEquivocation(s.sign(at(t, 4, s.one), 3, 0, 1), s.sign(at(t, 4, s.other), 1, 3), chain.Hash{}, nil)
	require.NoError(t, err)
	c, err := e.Verify(p)
	require.NoError(t, err)
	require.Equal(t, []string{"n2", "n4"}, c.Signed)
}

// Whatever byte changes, evidence is refused or convicts of the same.
func TestEveryByteOfEvidenceCounts(t *testing.T) {
	if testing.Short() {
		t.Skip("computes: under the race detector it is dear and finds nothing")
	}
	s := newSplit(t, 8, 3)
	root, path := s.then(5, 8)
	e, err := proof.NewEquivocation(s.sign(at(t, 5, s.one), 0, 1), s.sign(at(t, 8, s.other), 0, 1), root, path)
	require.NoError(t, err)
	want, err := e.Verify(s.policy())
	require.NoError(t, err)
	for _, changed := range mutants(e.Marshal()) {
		e, err := proof.ParseEvidence(changed)
		if err != nil {
			continue
		}
		if got, err := e.Verify(s.policy()); err == nil {
			require.Subset(t, want.Signed, got.Signed)
			got.Signed = want.Signed
			require.Equal(t, want, got)
		}
	}
}
