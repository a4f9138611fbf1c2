package port

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/cluster/memory"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/internal/release"
)

// Every connection to a member's port begins with a handshake, whoever goes on
// with it: raft, or the peer protocol. The dialer says
//
//	"BPSC", version, purpose, cluster id (32 bytes), its identity, the one it wants, its position
//
// (each identity after a byte with its length, the position, as JSON, after two), the
// listener answers
//
//	"BPSC", version, verdict, its position
//
// and the dialer, unless it was refused, says its own verdict. Both sides check, so
// none of these gets any further: a member of another cluster, one that was removed, a
// wrong entry in a list of peers, a member that went back in time or holds another
// history. One that is not known is let in: perhaps it was added while this member was
// away. What begins as an inquiry goes on otherwise (inquiry.go). raft's own protocol, which begins with a small number, is recognised by
// the first byte and refused.
const (
	handshakeMagic   = "BPSC"
	handshakeVersion = 3

	maxNameBytes     = identity.MaxIDBytes + 64 // of an identity
	maxPositionBytes = 1 << 10                  // a dozen numbers
)

// purpose says what a connection is for.
type purpose byte

const (
	forRaft      purpose = 'r'
	forPeers     purpose = 'p'
	forInquiries purpose = 'j'
)

// Verdict is what one side says to the other.
type Verdict byte

const (
	accepted Verdict = iota
	otherVersion
	otherCluster
	otherMember
	unknownPeer
	WentBack     // who says so has found that it went back in time itself
	OtherHistory // the two hold different histories
	Removed      // the member that is told so was removed from the cluster
	waiting      // who says so is no member of a cluster yet
	TooOld       // who says so does not know the level that the other is on
	needsTLS     // who says so takes no connection without TLS
	hasNoTLS     // who says so knows no other
	otherName    // the certificate of who is told so is not that of the identity it claims
	departed     // members of that id were removed, and none has been added since
)

func (v Verdict) String() string {
	switch v {
	case accepted:
		return "accepted"
	case otherVersion:
		return "it speaks another version: finish the upgrade"
	case otherCluster:
		return "it has another list of members, or belongs to another cluster"
	case otherMember:
		return "another member listens at this address"
	case unknownPeer:
		return "it takes no member of this name"
	case WentBack:
		return "it went back in time"
	case OtherHistory:
		return "it holds another history"
	case Removed:
		return "this member was removed from the cluster"
	case waiting:
		return "it waits to be added to a cluster"
	case TooOld:
		return "it is too old for the level that is active"
	case needsTLS:
		return "it takes no connection without TLS, and this member has no certificate"
	case hasNoTLS:
		return errPlain.Error()
	case otherName:
		return "it says that this member's certificate is another's"
	case departed:
		return "it says that this member's id was removed, and not added again"
	}
	return "it gives a reason that this binary does not know"
}

var errHandshake = errors.New("handshake failed")

// Judge knows what this member has been through, and what it remembers of others.
type Judge interface {
	// Position is what this member tells another one.
	Position(peer string) memory.Position
	// Judge returns ErrWentBack where it is this member that went back,
	// ErrDiverged where the two hold different histories, or release.ErrTooOld
	// where the other is on a level that this binary does not know.
	Judge(peer string, theirs memory.Position) error
	// Accept notes, durably, with whom this member goes on.
	Accept(peer string, theirs memory.Position) error
	// Condemn follows from what Judge said, once the other knows it.
	Condemn(err error)
	// Removed tells whether a member was removed from the cluster, for ever.
	Removed(peer string) bool
	// Departed tells whether all members of the id of that identity were removed.
	Departed(peer string) bool
	// Answer is what to say to an inquiry.
	Answer(Inquiry) Reply
	// Rejected follows from a verdict of the other against this member.
	Rejected(peer string, v Verdict)
}

// verdictOf is how a judgement travels.
func verdictOf(err error) Verdict {
	switch {
	case err == nil:
		return accepted
	case errors.Is(err, datadir.ErrDiverged):
		return OtherHistory
	case errors.Is(err, release.ErrTooOld):
		return TooOld
	default:
		return WentBack
	}
}

// clusterHash is how a cluster is named in a handshake.
func clusterHash(cluster string) (h [32]byte) {
	_, _ = hex.Decode(h[:], []byte(cluster))
	return h
}

// introduce is the dialer's side: it returns when both have accepted.
func (p *Port) introduce(conn *portConn, to string, why purpose) error {
	if err := conn.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return err
	}
	name, cluster := p.self()
	hash := clusterHash(cluster)
	hello := append([]byte(handshakeMagic), handshakeVersion, byte(why))
	hello = append(hello, hash[:]...)
	hello = append(append(hello, byte(len(name))), name...)
	hello = append(append(hello, byte(len(to))), to...)
	if _, err := conn.Write(appendPosition(hello, p.judge.Position(to))); err != nil {
		return err
	}
	theirs, v, err := readReply(conn)
	if err != nil {
		return fmt.Errorf("%w with %s: %w", errHandshake, to, explain(err))
	}
	if v != accepted {
		return p.rejected(to, v)
	}
	judged := p.judge.Judge(to, theirs)
	if judged == nil {
		if err := p.judge.Accept(to, theirs); err != nil {
			return err
		}
	}
	_, err = conn.Write([]byte{byte(verdictOf(judged))})
	if judged != nil {
		p.judge.Condemn(judged)
		return fmt.Errorf("%w with %s: %w", errHandshake, to, judged)
	}
	return errors.Join(err, conn.SetDeadline(time.Time{}))
}

func readReply(conn net.Conn) (theirs memory.Position, v Verdict, err error) {
	var head [len(handshakeMagic) + 2]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return theirs, 0, err
	}
	v = Verdict(head[5])
	switch {
	case string(head[:4]) != handshakeMagic:
		return theirs, 0, errors.New("no member listens there")
	case head[4] != handshakeVersion:
		return theirs, otherVersion, nil
	case v != accepted:
		return theirs, v, nil
	}
	theirs, err = readPosition(conn)
	return theirs, v, err
}

// receive is the listener's side: it returns who is there and what for.
func (p *Port) receive(conn *portConn) (from string, why purpose, err error) {
	if err := conn.raw.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return "", 0, err
	}
	if err := p.secure(conn); err != nil {
		return "", 0, fmt.Errorf("%w: %w", errHandshake, err)
	}
	why, v, err := readHead(conn)
	switch {
	case err != nil:
		return "", 0, fmt.Errorf("%w: %w", errHandshake, err)
	case why == forInquiries && v == accepted:
		return "", why, p.answer(conn)
	case !p.isWelcoming():
		return "", 0, fmt.Errorf("%w: this member is only starting", errHandshake)
	}
	var theirs memory.Position
	if v == accepted {
		if from, theirs, v, err = p.examine(conn, why); err != nil {
			return "", 0, fmt.Errorf("%w: %w", errHandshake, err)
		}
	}
	var position []byte
	if v == accepted {
		judged := p.judge.Judge(from, theirs)
		if v = verdictOf(judged); judged != nil {
			defer p.judge.Condemn(judged)
		}
		position = appendPosition(nil, p.judge.Position(from))
	}
	reply := append(append([]byte(handshakeMagic), handshakeVersion, byte(v)), position...)
	if _, err := conn.Write(reply); err != nil {
		return "", 0, err
	}
	if v != accepted {
		return "", 0, fmt.Errorf("%w: refused %q: told it that %v", errHandshake, from, v)
	}
	if err := p.confirm(conn, from, theirs); err != nil {
		return "", 0, err
	}
	return from, why, conn.SetDeadline(time.Time{})
}

// confirm waits for the dialer's verdict.
func (p *Port) confirm(conn net.Conn, from string, theirs memory.Position) error {
	var b [1]byte
	if _, err := io.ReadFull(conn, b[:]); err != nil {
		return fmt.Errorf("%w with %s: %w", errHandshake, from, err)
	}
	if v := Verdict(b[0]); v != accepted {
		return p.rejected(from, v)
	}
	return p.judge.Accept(from, theirs)
}

// rejected follows from a verdict of the other side.
func (p *Port) rejected(by string, v Verdict) error {
	p.judge.Rejected(by, v)
	return fmt.Errorf("%w with %s: %v", errHandshake, by, v)
}

func (p *Port) isWelcoming() bool {
	select {
	case <-p.welcoming:
		return true
	default:
		return false
	}
}

// readHead reads how every hello begins, byte by byte as far as it makes sense.
func readHead(conn net.Conn) (why purpose, v Verdict, err error) {
	var head [len(handshakeMagic) + 2]byte
	if _, err = io.ReadFull(conn, head[:1]); err == nil && head[0] == handshakeMagic[0] {
		_, err = io.ReadFull(conn, head[1:])
	}
	if err != nil || string(head[:4]) != handshakeMagic {
		return 0, 0, errors.Join(err, errors.New("it does not begin like a member"))
	}
	if head[4] != handshakeVersion {
		return 0, otherVersion, nil // what follows may look different
	}
	return purpose(head[5]), accepted, nil
}

// examine reads the rest of a member's hello. It reads nothing beyond it, so the
// connection can be passed on.
func (p *Port) examine(conn *portConn, why purpose) (from string, theirs memory.Position, v Verdict, err error) {
	var cluster [32]byte
	if _, err := io.ReadFull(conn, cluster[:]); err != nil {
		return "", theirs, 0, err
	}
	if from, err = readName(conn); err != nil {
		return "", theirs, 0, err
	}
	to, err := readName(conn)
	if err != nil {
		return "", theirs, 0, err
	}
	if theirs, err = readPosition(conn); err != nil {
		return "", theirs, 0, err
	}
	name, own := p.self()
	switch {
	case conn.shown.id != "" && conn.shown.id != identity.Identity(from).ID():
		v = otherName
	case own == "":
		v = waiting
	case cluster != clusterHash(own):
		v = otherCluster
	case to != name:
		v = otherMember
	case from == name || (why != forRaft && why != forPeers):
		v = unknownPeer
	case p.judge.Removed(from):
		v = Removed
	case p.judge.Departed(from):
		v = departed
	}
	return from, theirs, v, nil
}
