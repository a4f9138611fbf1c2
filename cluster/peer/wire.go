// Package peer is what members say to each other besides raft's own messages: one
// that does not lead passes its requests on to the leader, and each asks each how it
// is.
package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/bpsc/bpsc/cluster/queue"
	"github.com/bpsc/bpsc/internal/outcome"
)

// The protocol is frames in both directions of one connection:
//
//	length uint32 of what follows, kind byte, id uint64, body
//
// The dialer asks, the listener answers under the same id, in any order.
//
//	propose  number of requests, then each with its length in front; none at
//	         all asks for the index of an entry proposed from now on
//	answer   the result of the frame as a whole, then one for each request:
//	         code byte, index, data with its length in front
//	status   nothing; the answer is JSON
//	change   a change of the members, as JSON; so is the answer
//	goaway   nothing; the listener stops, and its id is that of the last frame
//	         it has handled: later ones it never looked at
//
// Numbers in bodies are unsigned varints, the others big-endian.
const (
	framePropose byte = iota + 1
	frameAnswer
	frameStatus
	frameStatusAnswer
	frameGoAway
	frameChange
	frameChangeAnswer
)

const (
	frameLength = 4
	frameHead   = 1 + 8 // kind and id

	// Frames of one connection under way: as with entries, the next one grows
	// meanwhile.
	maxFramesInFlight = 4

	// A frame carries at most what an entry does, and its own few bytes.
	maxFrameBytes = queue.MaxEntryBytes + 1<<10

	// An answer carries results, whose size the state machine decides. Results
	// beyond this bound are not delivered (outcome.Unknown).
	maxAnswerBytes = 16 << 20

	// What a status is at most: a dozen numbers, and reasons.
	maxStatusBytes = 64 << 10

	// How long a peer may take to accept a frame or an answer before the
	// connection counts as broken.
	writeTimeout = time.Second
)

// errFrame: the other side sent something that is not the peer protocol.
var errFrame = errors.New("bad frame")

// frame is one message, without its length.
type frame struct {
	kind byte
	id   uint64
	body []byte
}

// encode returns the frame with its length in front, ready to be written.
func (f frame) encode() []byte {
	b := make([]byte, 0, frameLength+frameHead+len(f.body))
	b = binary.BigEndian.AppendUint32(b, uint32(frameHead+len(f.body)))
	b = append(b, f.kind)
	b = binary.BigEndian.AppendUint64(b, f.id)
	return append(b, f.body...)
}

// writeFrame writes a frame within bounded time.
func writeFrame(conn net.Conn, f frame) error {
	if err := conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := conn.Write(f.encode())
	return err
}

// readFrame reads one frame of at most limit bytes.
func readFrame(r io.Reader, limit int) (frame, error) {
	var length [frameLength]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return frame{}, err
	}
	n := int(binary.BigEndian.Uint32(length[:]))
	if n < frameHead || n > limit {
		return frame{}, fmt.Errorf("%w of %d bytes", errFrame, n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return frame{}, err
	}
	return frame{kind: b[0], id: binary.BigEndian.Uint64(b[1:]), body: b[frameHead:]}, nil
}

// encodeRequests is the body of a propose frame.
func encodeRequests(requests [][]byte) []byte {
	b := binary.AppendUvarint(nil, uint64(len(requests)))
	for _, r := range requests {
		b = binary.AppendUvarint(b, uint64(len(r)))
		b = append(b, r...)
	}
	return b
}

// decodeRequests is its inverse; the requests alias b.
func decodeRequests(b []byte) ([][]byte, error) {
	body := decoder{b: b}
	count := body.uvarint()
	if count > queue.MaxEntryRequests {
		return nil, fmt.Errorf("%w: %d requests", errFrame, count)
	}
	requests := make([][]byte, 0, min(count, uint64(len(b))))
	for range count {
		r := body.bytes()
		if len(r) > queue.MaxRequestBytes {
			return nil, fmt.Errorf("%w: a request of %d bytes", errFrame, len(r))
		}
		requests = append(requests, r)
	}
	return requests, body.end()
}

// encodeResults is the body of an answer frame. Results that would make it too
// large are told to have an unknown outcome: their requests did take effect.
func encodeResults(common queue.Result, results []queue.Result) []byte {
	b := appendResult(nil, common)
	b = binary.AppendUvarint(b, uint64(len(results)))
	for _, r := range results {
		if len(b)+len(r.Data) > maxAnswerBytes {
			r = queue.Result{Err: outcome.Unknown}
		}
		b = appendResult(b, r)
	}
	return b
}

func appendResult(b []byte, r queue.Result) []byte {
	b = append(b, errorCode(r.Err))
	b = binary.AppendUvarint(b, r.Index)
	b = binary.AppendUvarint(b, uint64(len(r.Data)))
	return append(b, r.Data...)
}

// decodeResults is the inverse, for an answer to so many requests.
func decodeResults(b []byte, want int) (common queue.Result, results []queue.Result, err error) {
	body := decoder{b: b}
	common = body.result()
	if count := body.uvarint(); body.err == nil && count != uint64(want) {
		return queue.Result{}, nil, fmt.Errorf("%w: %d results for %d requests", errFrame, count, want)
	}
	results = make([]queue.Result, want)
	for i := range results {
		results[i] = body.result()
	}
	return common, results, body.end()
}

// decoder takes a body apart. After an error it gives zeros.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) result() queue.Result {
	if len(d.b) == 0 {
		d.cutShort()
		return queue.Result{}
	}
	r := queue.Result{Err: codedError(d.b[0])}
	d.b = d.b[1:]
	r.Index, r.Data = d.uvarint(), d.bytes()
	return r
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.cutShort()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.cutShort()
		return nil
	}
	taken := d.b[:n]
	d.b = d.b[n:]
	return taken
}

func (d *decoder) cutShort() { d.b, d.err = nil, fmt.Errorf("%w: cut short", errFrame) }

// end is the error, if there was one, or if something is left.
func (d *decoder) end() error {
	if d.err == nil && len(d.b) > 0 {
		return fmt.Errorf("%w: %d bytes too many", errFrame, len(d.b))
	}
	return d.err
}

// errorCode is how an outcome travels. A leader that shuts down is no leader to
// those who asked it.
func errorCode(err error) byte {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, outcome.Unknown):
		return 4
	case errors.Is(err, outcome.NoLeader), errors.Is(err, outcome.ShuttingDown), errors.Is(err, outcome.NotOrdered):
		return 1
	case errors.Is(err, outcome.QueueFull):
		return 2
	case errors.Is(err, outcome.TooLarge):
		return 3
	case errors.Is(err, outcome.DiskFull):
		return 5
	default:
		return 4
	}
}

// codedError is the inverse; a code that this binary does not know may mean
// anything.
func codedError(code byte) error {
	switch code {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("%w: the member asked does not lead", outcome.NoLeader)
	case 2:
		return fmt.Errorf("%w: at the leader", outcome.QueueFull)
	case 3:
		return outcome.TooLarge
	case 5:
		return fmt.Errorf("%w: at the leader", outcome.DiskFull)
	default:
		return fmt.Errorf("%w: at the leader", outcome.Unknown)
	}
}
