package cluster

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Every connection to a member's port begins with a handshake, whoever goes on
// with it: raft, or the peer protocol. The dialer says
//
//	"BPSC", version, purpose, cluster id (32 bytes), its id, the id it wants
//
// (each id after a byte with its length) and the listener answers
//
//	"BPSC", version, verdict
//
// Both sides check, so neither a stranger, nor a member of another cluster, nor
// a wrong entry in a list of peers gets any further. raft's own protocol, which
// begins with a small number, is recognised by the first byte and refused.
const (
	handshakeMagic   = "BPSC"
	handshakeVersion = 1
)

// purpose says what a connection is for.
type purpose byte

const (
	forRaft  purpose = 'r'
	forPeers purpose = 'p'
)

// verdict is the listener's answer.
type verdict byte

const (
	accepted verdict = iota
	otherVersion
	otherCluster
	otherMember
	unknownPeer
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
	}
	return "it gives a reason that this binary does not know"
}

var errHandshake = errors.New("handshake failed")

// self is how a member introduces itself.
type self struct {
	id      string
	cluster [32]byte
	peers   map[string]string // id to address
}

func newSelf(cfg Config) self {
	s := self{id: cfg.ID, peers: map[string]string{}}
	for _, p := range cfg.Peers {
		s.peers[p.ID] = p.Addr
	}
	if id, err := hex.DecodeString(clusterID(cfg.Peers)); err == nil {
		copy(s.cluster[:], id)
	}
	return s
}

// introduce is the dialer's side: it returns when the listener has accepted.
func (s self) introduce(conn net.Conn, to string, why purpose) error {
	if err := conn.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return err
	}
	hello := append([]byte(handshakeMagic), handshakeVersion, byte(why))
	hello = append(hello, s.cluster[:]...)
	hello = append(append(hello, byte(len(s.id))), s.id...)
	hello = append(append(hello, byte(len(to))), to...)
	if _, err := conn.Write(hello); err != nil {
		return err
	}
	reply := make([]byte, len(handshakeMagic)+2)
	if _, err := io.ReadFull(conn, reply); err != nil {
		return fmt.Errorf("%w with %s: %w", errHandshake, to, err)
	}
	if v := verdict(reply[len(reply)-1]); !bytes.HasPrefix(reply, []byte(handshakeMagic)) || v != accepted {
		return fmt.Errorf("%w with %s: %v", errHandshake, to, v)
	}
	return conn.SetDeadline(time.Time{})
}

// receive is the listener's side: it returns who is there and what for.
func (s self) receive(conn net.Conn) (from string, why purpose, err error) {
	if err := conn.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return "", 0, err
	}
	from, why, v, err := s.examine(conn)
	if err != nil {
		return "", 0, fmt.Errorf("%w: %w", errHandshake, err)
	}
	if _, err := conn.Write(append([]byte(handshakeMagic), handshakeVersion, byte(v))); err != nil {
		return "", 0, err
	}
	if v != accepted {
		return "", 0, fmt.Errorf("%w: refused %q: told it that %v", errHandshake, from, v)
	}
	return from, why, conn.SetDeadline(time.Time{})
}

// examine reads a hello byte by byte as far as it makes sense. It reads nothing
// beyond it, so the connection can be passed on.
func (s self) examine(conn net.Conn) (from string, why purpose, v verdict, err error) {
	var head [len(handshakeMagic) + 2 + 32]byte
	if _, err := io.ReadFull(conn, head[:1]); err != nil || head[0] != handshakeMagic[0] {
		return "", 0, 0, errors.Join(err, errors.New("it does not begin like a member"))
	}
	if _, err := io.ReadFull(conn, head[1:]); err != nil {
		return "", 0, 0, err
	}
	if string(head[:4]) != handshakeMagic {
		return "", 0, 0, errors.New("it does not begin like a member")
	}
	if head[4] != handshakeVersion {
		return "", 0, otherVersion, nil // what follows may look different
	}
	if from, err = readID(conn); err != nil {
		return "", 0, 0, err
	}
	to, err := readID(conn)
	if err != nil {
		return "", 0, 0, err
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
	return from, why, v, nil
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
