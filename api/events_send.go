package api

import (
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// Parts of events, never changed.
var (
	typeEvents  = []string{"text/event-stream"}
	noBuffering = []string{"no"} // nginx would hold events back
	endOfEvent  = []byte("\n\n")
)

// sendBlock sends the events of the block at which the reader stands, from
// there on.
func (e *events) sendBlock(s *pyjson.Scanner, canonical []byte, hash chain.Hash) error {
	head := appendUint([]byte{'{'}, "index", e.at.block)
	head = appendHash(head, "hash", hash)
	head = appendText(head, "contract", e.token)
	*s = *pyjson.NewScanner(canonical)
	err := s.Object(func(key string) error {
		switch key {
		case "previous_hash", "timestamp", "totals", "transactions_root", "trigger":
			value, err := s.Raw()
			head = appendRaw(head, key, value)
			return err
		case "transactions":
			count, err := e.sendRecords(s)
			head = appendUint(head, key, count)
			return err
		}
		return nil
	})
	if err != nil || !e.blocks {
		return err
	}
	return e.send("block", wholeBlock, append(head, '}'))
}

// sendRecords sends the records of a block that the reader has not got, and
// counts all.
func (e *events) sendRecords(s *pyjson.Scanner) (count uint64, err error) {
	var data []byte
	err = s.Array(func(i int) error {
		count++
		if !e.records || i < e.at.position {
			return nil
		}
		record, err := s.Raw()
		if err != nil {
			return err
		}
		data = appendUint(append(data[:0], '{'), "block", e.at.block)
		data = appendUint(data, "position", uint64(i))
		data = append(appendRaw(data, "record", record), '}')
		return e.send("record", i, data)
	})
	return count, err
}

// send puts out the event of a record, or of the whole block. There are no line
// breaks in data, as in no canonical text.
func (e *events) send(kind string, position int, data []byte) error {
	e.unsent = true
	var buf [96]byte
	begin := append(append(append(buf[:0], "event: "...), kind...), "\nid: "...)
	begin = append(appendEventID(begin, e.chainID, e.at.block, position), "\ndata: "...)
	for _, part := range [...][]byte{begin, data, endOfEvent} {
		if err := e.st.write(part); err != nil {
			return err
		}
	}
	return nil
}

// say sends a line at once, after what has not been sent yet.
func (e *events) say(line string) error {
	e.unsent = true
	if err := e.st.writeString(line); err != nil {
		return err
	}
	return e.push()
}

// push sends what there is.
func (e *events) push() error {
	if !e.unsent {
		return nil
	}
	e.unsent, e.speak = false, time.Now().Add(e.keepAlive)
	return e.st.push()
}
