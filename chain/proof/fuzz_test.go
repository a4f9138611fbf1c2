package proof_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain/proof"
)

// Every decoder takes one spelling: what it accepts encodes back to the same
// bytes.

func FuzzLeaf(f *testing.F) {
	for _, l := range newWorld(f, 3, nil).leaves {
		f.Add(proof.AppendLeaf(nil, &l))
	}
	f.Add([]byte(`{"hash": ""}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if l, err := proof.DecodeLeaf(data); err == nil && !bytes.Equal(proof.AppendLeaf(nil, &l), data) {
			t.Fatalf("%q turned into %q", data, proof.AppendLeaf(nil, &l))
		}
	})
}

func FuzzCheckpoint(f *testing.F) {
	w := newWorld(f, 3, nil)
	f.Add(w.checkpoint(3).Body())
	f.Add([]byte("bpsc/aka/0123456789abcdef\n1\nAAAA\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := proof.ParseCheckpoint(data); err == nil && !bytes.Equal(c.Body(), data) {
			t.Fatalf("%q turned into %q", data, c.Body())
		}
	})
}

// A policy has many spellings, and each is the same policy.
func FuzzPolicy(f *testing.F) {
	w := newWorld(f, 2, nil)
	f.Add(w.policy().String())
	p, err := proof.NewPolicy(w.policy().Members(), 3, []proof.Cosigner{w.cosigner(3)}, 1)
	require.NoError(f, err)
	f.Add("# both\n" + p.String())
	f.Fuzz(func(t *testing.T, text string) {
		p, err := proof.ParsePolicy([]byte(text))
		if err != nil {
			return
		}
		again, err := proof.ParsePolicy([]byte(p.String()))
		if err != nil || again.String() != p.String() {
			t.Fatalf("%q: %v", p, err)
		}
		if majority, _ := p.Required(); 2*majority <= len(p.Members()) {
			t.Fatalf("%d of %d members are enough", majority, len(p.Members()))
		}
	})
}

func FuzzHandover(f *testing.F) {
	f.Add(aHandover(f).Body())
	f.Add(aRecovery(f).Body())
	f.Fuzz(func(t *testing.T, data []byte) {
		if h, err := proof.ParseHandover(data); err == nil && !bytes.Equal(h.Body(), data) {
			t.Fatalf("%q turned into %q", data, h.Body())
		}
	})
}

// No input makes a policy follow that its predecessor's members have not signed.
func FuzzHistory(f *testing.F) {
	c := threePolicies(f)
	good := c.history()
	f.Add([]byte(good.String()))
	known := map[string]bool{}
	for _, note := range c.notes {
		h, err := proof.ReadHandover(note)
		require.NoError(f, err)
		known[string(h.Body())] = true
	}
	first := proof.NewHistory(good.Stages()[0].Policy)
	f.Fuzz(func(t *testing.T, data []byte) {
		if h, err := proof.ParseHistory(data); err == nil {
			again, err := proof.ParseHistory([]byte(h.String()))
			if err != nil || again.String() != h.String() {
				t.Fatalf("%q: %v", h, err)
			}
		}
		_, notes, err := proof.SplitHistory(data)
		for h := first; err == nil && len(notes) > 0; notes = notes[1:] {
			if h, err = h.Add(notes[0]); err == nil {
				if said, _ := proof.ReadHandover(notes[0]); !known[string(said.Body())] {
					t.Fatalf("nobody signed %q", notes[0])
				}
			}
		}
	})
}

func FuzzReceipt(f *testing.F) {
	w := newWorld(f, 5, nil)
	p, known := w.policy(), map[string]bool{}
	for block := uint64(2); block <= 5; block++ {
		for position := range int(block) - 1 {
			r := w.receipt(block, position)
			known[string(r.Record)] = true
			f.Add(marshal(f, r))
		}
	}
	_, list := forgeries(f)
	for _, forged := range list {
		f.Add(forged.file)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := proof.ParseReceipt(data)
		if err != nil {
			return
		}
		if again := marshal(t, r); !bytes.Equal(again, data) {
			t.Fatalf("%q turned into %q", data, again)
		}
		if _, err := r.Verify(p); err == nil && !known[string(r.Record)] {
			t.Fatalf("nobody signed %s", r.Record)
		}
	})
}

func FuzzEvidence(f *testing.F) {
	s := newSplit(f, 8, 3)
	for m := 1; m <= 8; m++ {
		root, path := s.then(m, 8)
		e := proof.Equivocation{A: s.sign(at(f, m, s.one), 0, 1), B: s.sign(at(f, 8, s.other), 1, 2), Root: root, Path: path}
		f.Add(e.Marshal())
	}
	p := s.policy()
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := proof.ParseEvidence(data)
		if err != nil {
			return
		}
		if !bytes.Equal(e.Marshal(), data) {
			t.Fatalf("%q turned into %q", data, e.Marshal())
		}
		if c, err := e.Verify(p); err == nil && (len(c.Signed) != 1 || c.Signed[0] != "n2") {
			t.Fatalf("%v never signed both", c.Signed)
		}
	})
}

func FuzzTilePath(f *testing.F) {
	for _, path := range []string{"tile/0/000", "tile/1/x001/x234/067.p/8", "tile/entries/007.p/12", "tile/data/000", "tile/8/0/000"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		tile, err := proof.ParseTilePath(path)
		if err != nil {
			return
		}
		if proof.TilePath(tile) != path {
			t.Fatalf("%q turned into %q", path, proof.TilePath(tile))
		}
		if tile.N > 0 && tile.L >= 0 && !proof.TileInTree(tile, proof.MaxSize) && proof.TileInTree(tile, 1) {
			t.Fatalf("%q is in a small log and not in the largest", path)
		}
	})
}

func FuzzBundle(f *testing.F) {
	leaves, _ := grow(f, 3, 3)
	var bundle []byte
	for i := range leaves {
		bundle = proof.AppendEntry(bundle, proof.AppendLeaf(nil, &leaves[i]))
	}
	f.Add(bundle, uint64(0), 3)
	f.Add(bundle, uint64(1<<63), 256)
	f.Fuzz(func(t *testing.T, data []byte, first uint64, width int) {
		leaves, err := proof.DecodeBundle(data, first, width)
		if err != nil {
			return
		}
		var again []byte
		for i := range leaves {
			again = proof.AppendEntry(again, proof.AppendLeaf(nil, &leaves[i]))
		}
		if !bytes.Equal(again, data) || len(leaves) != width {
			t.Fatalf("%q turned into %q", data, again)
		}
	})
}

func FuzzKeys(f *testing.F) {
	key := newKey(f, "n1", 1)
	f.Add(key.String())
	f.Add(key.Encode())
	f.Fuzz(func(t *testing.T, text string) {
		if k, err := proof.ParseVerifierKey(text); err == nil && k.String() != text {
			t.Fatalf("%q turned into %q", text, k)
		}
		if k, err := proof.ParseSigningKey(text); err == nil && k.Encode() != text && k.Encode()+"\n" != text {
			t.Fatal("a private key has another spelling")
		}
	})
}
