package entry

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/internal/harness"

	"github.com/bpsc/bpsc/cluster/queue"
)

func goldenEntries() map[string]Entry {
	return map[string]Entry{
		"tick":     {Micros: 1795361056000000},
		"requests": {Micros: 1795361056000001, Requests: [][]byte{[]byte("a"), {}, bytes.Repeat([]byte{0xff}, 200)}},
		"negative": {Micros: -1, Requests: [][]byte{[]byte("before 1970")}},
	}
}

// What is in a log must be readable for ever, so the bytes are pinned.
func TestEntryGolden(t *testing.T) {
	for name, e := range goldenEntries() {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", "entry-"+name+".hex")
			got := hex.EncodeToString(e.Encode()) + "\n"
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got %s, want %s", got, want)
			}
			raw, err := hex.DecodeString(strings.TrimSpace(string(want)))
			if err != nil {
				t.Fatal(err)
			}
			decoded, err := Decode(raw)
			if err != nil || decoded.Micros != e.Micros || len(decoded.Requests) != len(e.Requests) {
				t.Fatalf("decoded %+v, %v", decoded, err)
			}
			for i, r := range decoded.Requests {
				if !bytes.Equal(r, e.Requests[i]) {
					t.Errorf("request %d: %q", i, r)
				}
			}
		})
	}
}

func TestEntryIsStrict(t *testing.T) {
	good := Entry{Micros: 7, Requests: [][]byte{[]byte("a")}}.Encode()
	withField := func(number protowire.Number) []byte {
		return protowire.AppendBytes(protowire.AppendTag(bytes.Clone(good), number, protowire.BytesType), []byte("x"))
	}
	tests := map[string]struct {
		data    []byte
		upgrade bool // the message says to upgrade
	}{
		"empty":           {data: nil},
		"cut short":       {data: good[:len(good)-1]},
		"other version":   {data: append([]byte{8, 2}, good[2:]...), upgrade: true},
		"unknown field":   {data: withField(4), upgrade: true},
		"field repeated":  {data: append(bytes.Clone(good), good...), upgrade: true},
		"without version": {data: good[2:], upgrade: true},
		"bad tag":         {data: append(bytes.Clone(good), 0xff)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Decode(tt.data)
			if !errors.Is(err, errUnknown) {
				t.Fatalf("got %v", err)
			}
			if got := strings.Contains(err.Error(), "upgrade"); got != tt.upgrade {
				t.Errorf("says to upgrade: %v: %v", got, err)
			}
		})
	}
}

// A full batch fits in an entry.
func TestLargestBatchFitsInAnEntry(t *testing.T) {
	for _, size := range []int{0, 1, 100, 1000, queue.MaxRequestBytes} {
		q := queue.New()
		for range 40_000 {
			if q.Push(queue.NewCall([][]byte{make([]byte, size)}, false, nil)) != nil {
				break
			}
		}
		b := q.Take(true)
		if n := len(Entry{Micros: 1 << 62, Requests: b.Requests}.Encode()); n > queue.MaxEntryBytes {
			t.Errorf("requests of %d bytes: an entry of %d", size, n)
		}
		if size > 0 && len(b.Requests) == 0 {
			t.Errorf("requests of %d bytes: none fits", size)
		}
	}
}

// What the protobuf library writes by entry.proto is read here, means the same,
// and is read by it again when it is written here.
func TestEntriesAreWhatTheirDescriptionSays(t *testing.T) {
	description := harness.CompileProto(t, "entry.proto", "Entry")
	rapid.Check(t, func(t *rapid.T) {
		m := description.Draw(t, func(string) int { return 0 })
		fields := m.Descriptor().Fields()
		m.Set(fields.ByName("version"), protoreflect.ValueOfUint64(formatVersion))
		micros := rapid.Int64().Filter(func(v int64) bool { return v != 0 }).Draw(t, "micros") // it is always there
		m.Set(fields.ByName("micros"), protoreflect.ValueOfInt64(micros))
		data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		e, err := Decode(data)
		if err != nil || !proto.Equal(m, description.Read(e.Encode())) {
			t.Fatalf("%v became %+v, %v", m, e, err)
		}
	})
}

// What decodes encodes to something that means the same, here and to the protobuf
// library, and nothing panics.
func FuzzEntry(f *testing.F) {
	description := harness.CompileProto(f, "entry.proto", "Entry")
	for _, e := range goldenEntries() {
		f.Add(e.Encode())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Decode(data)
		if err != nil {
			return
		}
		if m := description.Read(data); m == nil || !proto.Equal(m, description.Read(e.Encode())) {
			t.Fatalf("%+v is %v", e, m)
		}
		again, err := Decode(e.Encode())
		if err != nil || again.Micros != e.Micros || len(again.Requests) != len(e.Requests) {
			t.Fatalf("%+v became %+v, %v", e, again, err)
		}
		for i, r := range e.Requests {
			if !bytes.Equal(r, again.Requests[i]) {
				t.Fatalf("request %d: %q became %q", i, r, again.Requests[i])
			}
		}
	})
}
