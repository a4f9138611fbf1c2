package command

import (
	"math"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/internal/harness"
	"github.com/bpsc/bpsc/internal/release"
)

// sizes are those of bytes that have one.
func sizes(field string) int {
	return map[string]int{"id": 32, "hold": 32, "hash": 32, "new_key": 32, "public_key": 32, "root": 32, "digest": 32, "signature": 64}[field]
}

// set writes a field of a message, by its name; nil leaves it out.
func set(m protoreflect.Message, name protoreflect.Name, v any) {
	f := m.Descriptor().Fields().ByName(name)
	if v == nil {
		m.Clear(f)
		return
	}
	m.Set(f, protoreflect.ValueOf(v))
}

// sensible leaves out what no request has: fields of signed contracts in a
// transaction without a signature, an outcome that is both decided and refused.
func sensible(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				sensible(v.List().Get(i).Message())
			}
		default:
			sensible(v.Message())
		}
		return true
	})
	field := m.Descriptor().Fields().ByName
	switch m.Descriptor().Name() {
	case "Request":
		set(m, "need", nil)
		for _, name := range []protoreflect.Name{"make_token", "revoke_token", "note"} {
			if m.Has(field(name)) { // Encode says of what level they are
				need := m.Mutable(field("need")).Message()
				set(need, "level", protoreflect.ValueOf(uint64(release.Access)).Interface())
				set(need, "release", release.Access.Release())
			}
		}
	case "Note":
		if m.Get(field("of")).Uint() > 0 {
			set(m, "action", nil)
		} else {
			set(m, "of", nil)
			set(m, "result", nil)
			m.Mutable(field("action"))
		}
	case "Activate": // of a later one Encode says more
		set(m, "level", protoreflect.ValueOf(uint64(1)).Interface())
	case "Transaction":
		if !m.Has(field("auth")) {
			for _, name := range []protoreflect.Name{"kind", "hold_until", "hold", "rules"} {
				set(m, name, nil)
			}
		}
	case "Outcome":
		set(m, "position", m.Get(field("position")).Uint()%math.MaxInt32)
		if m.Has(field("refused")) {
			set(m, "block", nil)
			set(m, "position", nil)
		}
	case "Answer":
		if !m.Has(field("refused")) {
			set(m, "detail", nil)
		}
	}
}

func marshal(t require.TestingT, m *dynamicpb.Message) []byte {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	require.NoError(t, err)
	return data
}

// What the protobuf library writes by command.proto is read here, means the same,
// and is read by it again when it is written here.
func TestRequestsAreWhatTheirDescriptionSays(t *testing.T) {
	description := harness.CompileProto(t, "command.proto", "Request")
	rapid.Check(t, func(t *rapid.T) {
		m := description.Draw(t, sizes)
		sensible(m)
		q, err := Decode(marshal(t, m))
		require.NoError(t, err)
		back := description.Read(Encode(q))
		require.NotNil(t, back)
		require.True(t, proto.Equal(m, back), "%v\n%v", m, back)
	})
}

func TestAnswersAreWhatTheirDescriptionSays(t *testing.T) {
	description := harness.CompileProto(t, "command.proto", "Answer")
	rapid.Check(t, func(t *rapid.T) {
		m := description.Draw(t, sizes)
		sensible(m)
		a, err := DecodeAnswer(marshal(t, m))
		require.NoError(t, err)
		back := description.Read(a.Encode())
		require.NotNil(t, back)
		require.True(t, proto.Equal(m, back), "%v\n%v", m, back)
	})
}

// FuzzDecode checks that what is read here means the same to the protobuf
// library, and stays what it is when it is written and read again.
func FuzzDecode(f *testing.F) {
	for _, data := range goldenBytes(f) {
		f.Add(data)
	}
	f.Add([]byte{0x12, 0x05, 0x12, 0x03, 0x22, 0x01, 0x07})
	description := harness.CompileProto(f, "command.proto", "Request")
	f.Fuzz(func(t *testing.T, data []byte) {
		q, err := Decode(data)
		if err != nil {
			require.Nil(t, q)
			return
		}
		again, err := Decode(Encode(q))
		require.NoError(t, err)
		require.Equal(t, Encode(q), Encode(again))
		m := description.Read(data)
		if m == nil {
			// A text that is not UTF-8 is refused by whoever knows what it means.
			require.False(t, utf8.Valid(data), "it reads as %+v, and is none", q)
			return
		}
		there, err := Decode(marshal(t, m))
		require.NoError(t, err)
		require.True(t, proto.Equal(description.Read(Encode(there)), description.Read(Encode(q))))
	})
}

func FuzzDecodeAnswer(f *testing.F) {
	for _, data := range goldenBytes(f) {
		f.Add(data)
	}
	description := harness.CompileProto(f, "command.proto", "Answer")
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := DecodeAnswer(data)
		if err != nil {
			return
		}
		again, err := DecodeAnswer(a.Encode())
		require.NoError(t, err)
		require.Equal(t, a.Encode(), again.Encode())
		m := description.Read(data)
		if m == nil {
			require.False(t, utf8.Valid(data), "it reads as %+v, and is none", a)
			return
		}
		there, err := DecodeAnswer(marshal(t, m))
		require.NoError(t, err)
		require.Equal(t, there.Encode(), a.Encode())
	})
}
