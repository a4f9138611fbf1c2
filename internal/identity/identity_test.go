package identity

import (
	"errors"
	"strings"
	"testing"
)

const instance = "00112233445566778899aabbccddeeff"

func TestIdentity(t *testing.T) {
	for name, tt := range map[string]struct{ id, instance, text string }{
		"founder": {"n1", "", "n1"},
		"joined":  {"n1", instance, "n1~" + instance},
	} {
		t.Run(name, func(t *testing.T) {
			made := New(tt.id, tt.instance)
			if string(made) != tt.text || made.ID() != tt.id || made.Instance() != tt.instance {
				t.Errorf("%q has id %q and instance %q", made, made.ID(), made.Instance())
			}
			if parsed, err := Parse(tt.text); err != nil || parsed != made {
				t.Errorf("parsed %q, %v", parsed, err)
			}
		})
	}
}

func TestTextsThatAreNoIdentity(t *testing.T) {
	for name, text := range map[string]string{
		"empty":             "",
		"too long":          strings.Repeat("n", MaxIDBytes+1),
		"no id":             "~" + instance,
		"no instance":       "n1~",
		"short instance":    "n1~" + instance[1:],
		"capital instance":  "n1~" + strings.ToUpper(instance),
		"two instances":     "n1~" + instance + "~" + instance,
		"instance is words": "n1~" + strings.Repeat("x", 32),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(text); !errors.Is(err, ErrInvalid) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestInstancesDiffer(t *testing.T) {
	a, b := NewInstance(), NewInstance()
	if a == b || ValidInstance(a) != nil || ValidInstance(b) != nil {
		t.Errorf("drew %q and %q", a, b)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("n1")
	f.Add("n1~" + instance)
	f.Fuzz(func(t *testing.T, text string) {
		i, err := Parse(text)
		if err == nil && New(i.ID(), i.Instance()) != i {
			t.Errorf("%q comes back as %q", i, New(i.ID(), i.Instance()))
		}
	})
}
