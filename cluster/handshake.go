package cluster

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// Every connection to a member's port begins with a handshake, whoever goes on
// with it: raft, or the peer protocol. The dialer says
//
//	"BPSC", version, purpose, cluster id (32 bytes), its id, the id it wants, its word
//
// (each id after a byte with its length, the word after two), the listener answers
//
//	"BPSC", version, verdict, its word
//
// and the dialer, unless it was refused, says its own verdict. Both sides check,
// so neither a stranger, nor a member of another cluster, nor a wrong entry in a
// list of peers gets any further, nor a member that went back in time or holds
// another history (standing.go). raft's own protocol, which begins with a small
// number, is recognised by the first byte and refused.
const (
	handshakeMagic   = "BPSC"
	handshakeVersion = 2
)

// purpose says what a connection is for.
type purpose byte

const (
	forRaft  purpose = 'r'
	forPeers purpose = 'p'
)

// verdict is what one side says to the other.
type verdict byte

const (
	accepted verdict = iota
	otherVersion
	otherCluster
	otherMember
	unknownPeer
	wentBack     // who says so has found that it went back in time itself
	otherHistory // the two hold different histories
)

func (v verdict) String() string {
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
		return "it does not know this member: the lists of peers differ"
	case wentBack:
		return "it went back in time"
	case otherHistory:
		return "it holds another history"
	}
	return "it gives a reason that this binary does not know"
}

var errHandshake = errors.New("handshake failed")

// refusal is what the other side said, or what was found of it, where that is why
// there is no connection to a member; empty where it was silent.
func refusal(err error, id string) string {
	var silent net.Error
	if !errors.Is(err, errHandshake) || errors.As(err, &silent) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ""
	}
	return strings.TrimPrefix(err.Error(), fmt.Sprintf("%v with %s: ", errHandshake, id))
}

// self is how a member introduces itself.
type self struct {
	id      string
	cluster [32]byte
	peers   map[string]string // id to address
	past    past
}

// past is what a member has been through and knows of the others.
type past interface {
	word(peer string) word
	judge(peer string, theirs word) error
	// meet notes, durably, whom this member goes on with.
	meet(peer string, theirs word) error
	// refuse follows from a judgement, once the other knows it.
	refuse(err error)
	// told follows from what the other has said of the two.
	told(peer string, v verdict)
}

func newSelf(cfg Config, p past) self {
	s := self{id: cfg.ID, peers: map[string]string{}, past: p}
	for _, p := range cfg.Peers {
		s.peers[p.ID] = p.Addr
	}
	if id, err := hex.DecodeString(clusterID(cfg.Peers)); err == nil {
		copy(s.cluster[:], id)
	}
	return s
}

// introduce is the dialer's side: it returns when both have accepted.
func (s self) introduce(conn net.Conn, to string, why purpose) error {
	if err := conn.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return err
	}
	hello := append([]byte(handshakeMagic), handshakeVersion, byte(why))
	hello = append(hello, s.cluster[:]...)
	hello = append(append(hello, byte(len(s.id))), s.id...)
	hello = append(append(hello, byte(len(to))), to...)
	if _, err := conn.Write(appendWord(hello, s.past.word(to))); err != nil {
		return err
	}
	theirs, v, err := readReply(conn)
	if err != nil {
		return fmt.Errorf("%w with %s: %w", errHandshake, to, err)
	}
	if v != accepted {
		s.past.told(to, v)
		return fmt.Errorf("%w with %s: %v", errHandshake, to, v)
	}
	judged := s.past.judge(to, theirs)
	if judged == nil {
		if err := s.past.meet(to, theirs); err != nil {
			return err
		}
	}
	_, err = conn.Write([]byte{byte(verdictOf(judged))})
	if judged != nil {
		s.past.refuse(judged)
		return fmt.Errorf("%w with %s: %w", errHandshake, to, judged)
	}
	return errors.Join(err, conn.SetDeadline(time.Time{}))
}

func readReply(conn net.Conn) (theirs word, v verdict, err error) {
	var head [len(handshakeMagic) + 2]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return word{}, 0, err
	}
	v = verdict(head[5])
	switch {
	case string(head[:4]) != handshakeMagic:
		return word{}, 0, errors.New("no member listens there")
	case head[4] != handshakeVersion:
		return word{}, otherVersion, nil
	case v != accepted:
		return word{}, v, nil
	}
	theirs, err = readWord(conn)
	return theirs, v, err
}

// receive is the listener's side: it returns who is there and what for.
func (s self) receive(conn net.Conn) (from string, why purpose, err error) {
	if err := conn.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return "", 0, err
	}
	from, why, theirs, v, err := s.examine(conn)
	if err != nil {
		return "", 0, fmt.Errorf("%w: %w", errHandshake, err)
	}
	reply := append([]byte(handshakeMagic), handshakeVersion)
	if v == accepted {
		judged := s.past.judge(from, theirs)
		if v = verdictOf(judged); judged != nil {
			defer s.past.refuse(judged)
		}
		reply = appendWord(append(reply, byte(v)), s.past.word(from))
	} else {
		reply = append(reply, byte(v))
	}
	if _, err := conn.Write(reply); err != nil {
		return "", 0, err
	}
	if v != accepted {
		return "", 0, fmt.Errorf("%w: refused %q: told it that %v", errHandshake, from, v)
	}
	if err := s.confirm(conn, from, theirs); err != nil {
		return "", 0, err
	}
	return from, why, conn.SetDeadline(time.Time{})
}

// confirm waits for the dialer's verdict.
func (s self) confirm(conn net.Conn, from string, theirs word) error {
	var b [1]byte
	if _, err := io.ReadFull(conn, b[:]); err != nil {
		return fmt.Errorf("%w with %s: %w", errHandshake, from, err)
	}
	if v := verdict(b[0]); v != accepted {
		s.past.told(from, v)
		return fmt.Errorf("%w with %s: %v", errHandshake, from, v)
	}
	return s.past.meet(from, theirs)
}

// examine reads a hello byte by byte as far as it makes sense. It reads nothing
// beyond it, so the connection can be passed on.
func (s self) examine(conn net.Conn) (from string, why purpose, theirs word, v verdict, err error) {
	var head [len(handshakeMagic) + 2 + 32]byte
	if _, err := io.ReadFull(conn, head[:1]); err != nil || head[0] != handshakeMagic[0] {
		return "", 0, theirs, 0, errors.Join(err, errors.New("it does not begin like a member"))
	}
	if _, err := io.ReadFull(conn, head[1:]); err != nil {
		return "", 0, theirs, 0, err
	}
	if string(head[:4]) != handshakeMagic {
		return "", 0, theirs, 0, errors.New("it does not begin like a member")
	}
	if head[4] != handshakeVersion {
		return "", 0, theirs, otherVersion, nil // what follows may look different
	}
	if from, err = readID(conn); err != nil {
		return "", 0, theirs, 0, err
	}
	to, err := readID(conn)
	if err != nil {
		return "", 0, theirs, 0, err
	}
	if theirs, err = readWord(conn); err != nil {
		return "", 0, theirs, 0, err
	}
	why = purpose(head[5])
	switch _, known := s.peers[from]; {
	case [32]byte(head[6:]) != s.cluster:
		v = otherCluster
	case to != s.id:
		v = otherMember
	case !known || from == s.id || (why != forRaft && why != forPeers):
		v = unknownPeer
	}
	return from, why, theirs, v, nil
}

func readID(r io.Reader) (string, error) {
	var length [1]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return "", err
	}
	if int(length[0]) > maxMemberIDBytes {
		return "", fmt.Errorf("a member id of %d bytes", length[0])
	}
	id := make([]byte, length[0])
	_, err := io.ReadFull(r, id)
	return string(id), err
}

func appendWord(b []byte, w word) []byte {
	text, err := json.Marshal(w)
	if err != nil {
		panic(err) // numbers only
	}
	return append(binary.BigEndian.AppendUint16(b, uint16(len(text))), text...)
}

func readWord(r io.Reader) (w word, err error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return w, err
	}
	n := binary.BigEndian.Uint16(length[:])
	if n > maxWordBytes {
		return w, fmt.Errorf("a word of %d bytes", n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return w, err
	}
	return w, json.Unmarshal(text, &w)
}
