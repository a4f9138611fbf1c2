package witness

import (
	"time"

	"github.com/bpsc/bpsc/chain/proof"
)

// The bounds of a witness and of those who ask it, each with its reason.
const (
	// maxHashes is how many hashes a request may carry (c2sp.org/tlog-witness).
	maxHashes = 63

	// hashChars is a hash in base64.
	hashChars = 44

	// maxRequestBytes bounds a request: the line of the old size with the
	// longest number, the hashes, a blank line and the checkpoint.
	maxRequestBytes = len("old \n") + 20 + maxHashes*(hashChars+1) + 1 + proof.MaxNoteBytes

	// maxLogs bounds the policies of one witness: a checkpoint of a chain that
	// nobody has named is held against each of them.
	maxLogs = 100

	// maxOrigins is how many chains a witness tracks under one policy. As many
	// as a policy may name; where it names none, its members could sign for any
	// number.
	maxOrigins = proof.MaxPolicyChains

	// maxEvidence is how much evidence is kept against one chain. One convicts;
	// the others may convict other members.
	maxEvidence = 10

	// maxAnswerBytes bounds a witness's answer: some lines of signatures.
	maxAnswerBytes = 16 << 10

	// maxReason bounds how much of a refusal is repeated to an operator.
	maxReason = 200

	// attempts is how often a witness is asked for one checkpoint: once with the
	// size that it had last, once with the one that it says. Who is still late
	// then has been overtaken, and asks with a newer checkpoint.
	attempts = 2

	// attemptTimeout bounds one of these: a proof, a signature, and an fsync on
	// a machine far away.
	attemptTimeout = 10 * time.Second

	// maxConnections bounds those who ask at a time, members of a hundred
	// clusters and more; each costs a request at worst. The last
	// spareConnections are to say so, for spareTimeout each.
	maxConnections   = 1_024
	spareConnections = 16
	spareTimeout     = 2 * time.Second

	// silence is how long a connection may have had no request before it makes room for
	// another one, where there is no place left: a client has sent its request by then.
	silence = 200 * time.Millisecond

	// Of one limited network there is a share of the connections, and minNetwork at
	// least: several clusters may be behind one address. Each is for so many requests.
	networkShare       = 8
	minNetwork         = 32
	connectionRequests = 1_000

	// What a witness's server allows a connection. Requests and answers are small.
	headerTimeout  = 10 * time.Second
	requestTimeout = 20 * time.Second
	writeTimeout   = 10 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 16 << 10
)
