package harness

import (
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"
)

// Proto is a message of a .proto file, for tests that compare what is written
// and read by hand with what the protobuf library does by the description.
type Proto struct {
	of protoreflect.MessageDescriptor
}

// CompileProto finds a message in a .proto file.
func CompileProto(t testing.TB, file, message string) Proto {
	t.Helper()
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{})}
	files, err := compiler.Compile(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	found := files[0].Messages().ByName(protoreflect.Name(message))
	if found == nil {
		t.Fatalf("%s has no message %s", file, message)
	}
	return Proto{found}
}

// Read parses data, and returns nil if it is no such message or has a field that
// the description does not know.
func (p Proto) Read(data []byte) *dynamicpb.Message {
	m := dynamicpb.NewMessage(p.of)
	if proto.Unmarshal(data, m) != nil || !known(m) {
		return nil
	}
	return m
}

func known(m protoreflect.Message) bool {
	ok := len(m.GetUnknown()) == 0
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				ok = ok && known(v.List().Get(i).Message())
			}
		default:
			ok = ok && known(v.Message())
		}
		return ok
	})
	return ok
}

// Draw makes a message with random fields. size is how many bytes a field of
// bytes must have, which is then always set; 0 is any.
func (p Proto) Draw(t *rapid.T, size func(field string) int) *dynamicpb.Message {
	m := dynamicpb.NewMessage(p.of)
	fill(t, m, size)
	return m
}

func fill(t *rapid.T, m protoreflect.Message, size func(field string) int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if one := f.ContainingOneof(); one != nil && !one.IsSynthetic() {
			continue
		}
		always := f.Kind() == protoreflect.BytesKind && size(string(f.Name())) > 0
		switch {
		case !always && rapid.Bool().Draw(t, string(f.Name())+" is left out"):
		case f.IsList():
			for list := m.Mutable(f).List(); rapid.IntRange(0, 3).Draw(t, "one more") > 0; {
				list.Append(value(t, f, list.NewElement, size))
			}
		default:
			m.Set(f, value(t, f, func() protoreflect.Value { return m.NewField(f) }, size))
		}
	}
	oneofs := m.Descriptor().Oneofs()
	for i := range oneofs.Len() {
		if one := oneofs.Get(i); !one.IsSynthetic() {
			f := one.Fields().Get(rapid.IntRange(0, one.Fields().Len()-1).Draw(t, string(one.Name())))
			m.Set(f, value(t, f, func() protoreflect.Value { return m.NewField(f) }, size))
		}
	}
}

func value(t *rapid.T, f protoreflect.FieldDescriptor, message func() protoreflect.Value, size func(field string) int) protoreflect.Value {
	name := string(f.Name())
	switch f.Kind() {
	case protoreflect.MessageKind:
		v := message()
		fill(t, v.Message(), size)
		return v
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(strings.ToValidUTF8(rapid.String().Draw(t, name), "?"))
	case protoreflect.BytesKind:
		n := size(name)
		if n == 0 {
			n = rapid.IntRange(0, 40).Draw(t, name+" bytes")
		}
		return protoreflect.ValueOfBytes(rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, name))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, name))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(rapid.Int64().Draw(t, name))
	default: // uint64: what else there is fails in Set
		return protoreflect.ValueOfUint64(rapid.Uint64().Draw(t, name))
	}
}
