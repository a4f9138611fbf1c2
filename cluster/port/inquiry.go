package port

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/bpsc/bpsc/internal/release"
)

// An inquiry is how processes meet that need not be members of one cluster: one that
// starts for the first time asks who is there, and a leader looks for a member to add,
// and invites it. It begins like every handshake,
//
//	"BPSC", version, 'j', inquiry
//
// is answered by
//
//	"BPSC", version, verdict, reply
//
// and ends there. Both are JSON behind two bytes with the length.
const maxInquiryBytes = 2 << 10 // a few names

// Inquiry is a question.
type Inquiry struct {
	ID       string `json:"id"` // who asks
	Instance string `json:"instance"`
	Cluster  string `json:"cluster"` // its cluster, or the one that it is about to found
	// Invite makes the member of this identity one of Cluster.
	Invite string `json:"invite,omitempty"`
	// Needs is what a member of Cluster must know.
	Needs release.Need `json:"needs,omitzero"`
}

// Reply is the answer.
type Reply struct {
	ID       string `json:"id"` // who answers
	Instance string `json:"instance"`
	Name     string `json:"name"`    // its identity
	Cluster  string `json:"cluster"` // empty while it has none
	// Used: it has data already.
	Used bool `json:"used"`
	// Serving: it is through with its start, and has answered all of this.
	Serving bool `json:"serving"`
	// Established: its cluster has been at work.
	Established bool     `json:"established"`
	Standing    Standing `json:"standing"`          // of the id that asks
	Refused     string   `json:"refused,omitempty"` // why an invitation is
	// Knows is the newest level that it knows.
	Knows release.Level `json:"knows,omitempty"`
}

// Standing is what an id is to a cluster.
type Standing string

// The standings of an id for which there is a process with nothing on its disk.
const (
	Unknown  Standing = "unknown"  // no member has this id
	Expected Standing = "expected" // a founder that nobody has seen yet
	Known    Standing = "known"    // a member whose data is elsewhere, or lost
	Open     Standing = "open"     // it is being replaced, and a new one is looked for
)

// Inquire asks whoever listens at an address.
func (p *Port) Inquire(ctx context.Context, addr string, q Inquiry) (r Reply, err error) {
	conn, err := p.connect(ctx, "", addr, func(conn *portConn) (err error) {
		if r, err = inquire(conn, q); err == nil && conn.shown.id != "" && r.ID != conn.shown.id {
			err = fmt.Errorf("%w: it calls itself %s, and its certificate names %s", errHandshake, r.ID, conn.shown.id)
		}
		return err
	})
	if err == nil {
		_ = conn.Close()
	}
	return r, err
}

func inquire(conn net.Conn, q Inquiry) (r Reply, err error) {
	if err := conn.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return r, err
	}
	hello := append([]byte(handshakeMagic), handshakeVersion, byte(forInquiries))
	if hello, err = appendJSON(hello, q); err != nil {
		return r, err
	}
	if _, err := conn.Write(hello); err != nil {
		return r, err
	}
	var head [len(handshakeMagic) + 2]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return r, fmt.Errorf("%w: %w", errHandshake, explain(err))
	}
	switch v := Verdict(head[5]); {
	case string(head[:4]) != handshakeMagic:
		return r, fmt.Errorf("%w: no member listens there", errHandshake)
	case head[4] != handshakeVersion:
		return r, fmt.Errorf("%w: %v", errHandshake, otherVersion)
	case v != accepted:
		return r, fmt.Errorf("%w: %v", errHandshake, v)
	}
	return r, readJSON(conn, &r)
}

// answer is the listener's side, behind the head.
func (p *Port) answer(conn *portConn) error {
	var q Inquiry
	if err := readJSON(conn, &q); err != nil {
		return fmt.Errorf("%w: %w", errHandshake, err)
	}
	if conn.shown.id != "" && q.ID != conn.shown.id {
		return fmt.Errorf("%w: it calls itself %s, and its certificate names %s", errHandshake, q.ID, conn.shown.id)
	}
	reply, err := appendJSON(append([]byte(handshakeMagic), handshakeVersion, byte(accepted)), p.judge.Answer(q))
	if err != nil {
		return err
	}
	_, err = conn.Write(reply)
	return err
}

func appendJSON(b []byte, message any) ([]byte, error) {
	text, err := json.Marshal(message)
	if err == nil && len(text) > maxInquiryBytes {
		err = fmt.Errorf("%w: an inquiry of %d bytes", errHandshake, len(text))
	}
	return append(binary.BigEndian.AppendUint16(b, uint16(len(text))), text...), err
}

func readJSON(r io.Reader, message any) error {
	text, err := readSized(r, 2, maxInquiryBytes, "an inquiry")
	if err != nil {
		return err
	}
	return json.Unmarshal(text, message)
}
