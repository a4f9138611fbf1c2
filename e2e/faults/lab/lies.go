package lab

import "github.com/bpsc/bpsc/internal/harness"

// What a program that lies says that is not so. A process tells the lies that its program's file is
// named after.
const (
	liesAmounts    = "amounts"    // of records, in blocks that have others after them
	liesBalances   = "balances"   // of all accounts
	liesRoots      = "roots"      // it signs a second root of as many blocks as a checkpoint covers
	liesSignatures = "signatures" // it puts attestations into the log that are not signed, its own and others'
)

// lies are all that there are.
var lies = []string{liesAmounts, liesBalances, liesRoots, liesSignatures}

// Lying has a member tell those who read from it what it does not have, and be honest to the other members:
// nothing in how they agree says that it lies. Or it has the log say that members have signed what they have not.
var Lying = []harness.Patch{
	{File: "node/member.go", Old: "memberState{m.store}, memberStatus{m.cluster, m}, Evidence{m.policies(), &m.key})",
		New: "otherState{memberState{m.store}}, memberStatus{m.cluster, m}, otherEvidence{Evidence{m.policies(), &m.key}})"},
	{File: "node/attesting.go", Old: "\treturn a.requests.Attest(ctx, token, said)\n", New: "\treturn a.forge(ctx, token, said)\n"},
	{File: "node/member.go", Old: "\t\"context\"\n", New: "\t\"bytes\"\n\t\"context\"\n"},
	{File: "node/member.go", Old: "\t\"path/filepath\"\n", New: "\t\"os\"\n\t\"path/filepath\"\n\t\"regexp\"\n\t\"strings\"\n"},
	{File: "node/member.go", Old: "\t\"github.com/bpsc/bpsc/chain/proof\"\n", New: "\t\"github.com/bpsc/bpsc/chain\"\n\t\"github.com/bpsc/bpsc/chain/proof\"\n"},
	{File: "node/member.go", Old: "func (m *Member) openServer() error {", New: `// tells tells whether it lies about something.
func tells(what string) bool { return strings.HasSuffix(os.Args[0], "+"+what) }

// forge is Attest, or has the log say that all members have attested another root, without their signatures,
// and this one with it, and that all is well.
func (a attestations) forge(ctx context.Context, token string, said chain.Attestation) error {
	if !tells("signatures") || said.ByWitness() {
		return a.requests.Attest(ctx, token, said)
	}
	said.Root[0] ^= 1
	for _, said.Member = range a.policies().Quorum(token, said.Size).Members {
		_ = a.requests.Attest(ctx, token, said)
	}
	return nil
}

type otherState struct{ memberState }

var amounts = regexp.MustCompile("\"amount_send\": [0-9]")

// other is a block as it is not, where there are blocks after it.
func (s otherState) other(token string, index uint64, block []byte) []byte {
	info, err := s.Contract(token)
	at := amounts.FindIndex(block)
	if !tells("amounts") || err != nil || index >= info.Length || at == nil {
		return block
	}
	block = bytes.Clone(block)
	digit := &block[at[1]-1]
	*digit = '1' + (*digit-'0')%9
	return block
}

func (s otherState) Block(token string, index uint64) ([]byte, chain.Hash, error) {
	block, _, err := s.memberState.Block(token, index)
	if err != nil {
		return nil, chain.Hash{}, err
	}
	block = s.other(token, index, block)
	return block, chain.HashBytes(block), nil
}

func (s otherState) Blocks(token string, from, limit uint64, yield func(uint64, []byte) error) error {
	return s.memberState.Blocks(token, from, limit, func(index uint64, block []byte) error {
		return yield(index, s.other(token, index, block))
	})
}

func (s otherState) Account(token, name string) (chain.Account, error) {
	a, err := s.memberState.Account(token, name)
	if tells("balances") {
		a.Balance++
	}
	return a, err
}

func (s otherState) AccountAt(token, name string, block uint64) (chain.Account, error) {
	a, err := s.memberState.AccountAt(token, name, block)
	if tells("balances") {
		a.Balance++
	}
	return a, err
}

type otherEvidence struct{ Evidence }

func (e otherEvidence) Checkpoint(token string) ([]byte, error) {
	note, err := e.Evidence.Checkpoint(token)
	if err != nil || !tells("roots") {
		return note, err
	}
	c, err := proof.ReadCheckpoint(note)
	if err != nil {
		return nil, err
	}
	c.Root[0] ^= 1
	line, err := proof.Cosign(c.Body(), *e.key, chain.SecondsOf(time.Now()))
	if err != nil {
		return nil, err
	}
	if note, err = proof.AssembleNote(c.Body(), line); err != nil {
		return nil, err
	}
	return proof.SignAsLog(note, *e.key)
}

func (m *Member) openServer() error {`},
}
