package wallet

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// testWork makes scrypt cost nothing.
const testWork = 1

func TestKeyFileRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := drawKey(t, "key")
		if rapid.Bool().Draw(t, "rotated") {
			var err error
			key, err = key.For(drawKey(t, "first key").Address())
			require.NoError(t, err)
		}
		passphrase := rapid.StringN(1, 40, -1).Draw(t, "passphrase")
		stored := Stored{Key: key, Created: time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "created"), 0).UTC()}
		text, err := encodeKeyFile(stored, passphrase, testWork)
		require.NoError(t, err)
		require.NotContains(t, string(text), key.PrivateHex())
		require.Less(t, len(text), maxKeyFile)

		again, err := decodeKeyFile(text, passphrase, testWork)
		require.NoError(t, err)
		require.Equal(t, stored, again)
		_, err = decodeKeyFile(text, passphrase+"x", testWork)
		require.ErrorIs(t, err, ErrPassphrase)
	})
}

func TestKeyFileRefuses(t *testing.T) {
	key := mustKey(aliceSeed)
	good, err := encodeKeyFile(Stored{Key: key, Created: time.Unix(0, 0)}, "secret", testWork)
	require.NoError(t, err)
	slow, err := encodeKeyFile(Stored{Key: key}, "secret", testWork+1)
	require.NoError(t, err)
	identity, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	foreign, err := encrypt([]byte("{}"), identity.Recipient())
	require.NoError(t, err)
	middle := len(good) / 2
	for name, c := range map[string]struct {
		text       string
		passphrase string
		want       error
	}{
		"another passphrase":        {string(good), "Secret", ErrPassphrase},
		"no passphrase":             {string(good), "", ErrPassphraseEmpty},
		"nothing":                   {"", "secret", ErrDamaged},
		"half a file":               {string(good[:middle]), "secret", ErrDamaged},
		"a byte changed":            {string(good[:len(good)-60]) + flip(good[len(good)-60]) + string(good[len(good)-59:]), "secret", ErrDamaged},
		"text after the file":       {string(good) + "x", "secret", ErrDamaged},
		"more work than is allowed": {string(slow), "secret", ErrDamaged},
		"a file for another key":    {string(foreign), "secret", ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := decodeKeyFile([]byte(c.text), c.passphrase, testWork)
			require.ErrorIs(t, err, c.want)
		})
	}
	_, err = encodeKeyFile(Stored{Key: key}, "", testWork)
	require.ErrorIs(t, err, ErrPassphraseEmpty)
}

// flip is another letter of the armor.
func flip(b byte) string {
	if b == 'A' {
		return "B"
	}
	return "A"
}

func TestPayloadRefuses(t *testing.T) {
	address := mustKey(aliceSeed).Address()
	whole := func() map[string]any {
		return map[string]any{"version": 1, "private_key": aliceSeed, "address": address, "created": "2026-01-02T03:04:05Z"}
	}
	good, err := json.Marshal(whole())
	require.NoError(t, err)
	_, err = decodePayload(good)
	require.NoError(t, err)
	for name, change := range map[string]func(m map[string]any){
		"another version":    func(m map[string]any) { m["version"] = 2 },
		"no version":         func(m map[string]any) { delete(m, "version") },
		"no key":             func(m map[string]any) { delete(m, "private_key") },
		"no address":         func(m map[string]any) { delete(m, "address") },
		"an address in caps": func(m map[string]any) { m["address"] = strings.ToUpper(address) },
		"no time":            func(m map[string]any) { delete(m, "created") },
		"a field too many":   func(m map[string]any) { m["policy"] = "x" },
	} {
		t.Run(name, func(t *testing.T) {
			m := whole()
			change(m)
			text, err := json.Marshal(m)
			require.NoError(t, err)
			_, err = decodePayload(text)
			require.ErrorIs(t, err, ErrDamaged)
		})
	}
	_, err = decodePayload(append(good, '{'))
	require.ErrorIs(t, err, ErrDamaged)
}

// FuzzKeyFile: whatever stands in a key file, opening it is a key or an error,
// and never more work than allowed.
func FuzzKeyFile(f *testing.F) {
	good, err := encodeKeyFile(Stored{Key: mustKey(aliceSeed)}, "secret", testWork)
	require.NoError(f, err)
	f.Add(good)
	f.Add([]byte(strings.Replace(string(good), "\n", "\r\n", -1)))
	f.Add([]byte("-----BEGIN AGE ENCRYPTED FILE-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		stored, err := decodeKeyFile(text, "secret", testWork)
		if err == nil && stored.Key.PrivateHex() != aliceSeed {
			t.Fatal("a key that nobody encrypted")
		}
	})
}

// FuzzPayload: what decodes is what encodes to the same key.
func FuzzPayload(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(`{"version":1,"private_key":"%s","address":"%s","created":"2026-01-02T03:04:05Z"}`,
		aliceSeed, mustKey(aliceSeed).Address())))
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		stored, err := decodePayload(payload)
		if err != nil {
			return
		}
		text, err := encodeKeyFile(stored, "x", testWork)
		require.NoError(t, err)
		again, err := decodeKeyFile(text, "x", testWork)
		require.NoError(t, err)
		require.Equal(t, stored.Key, again.Key)
		require.Equal(t, stored.Created.Truncate(time.Second), again.Created)
	})
}

// The key file of others' tests: whoever reads our key files in another language, as the page
// does, opens it.
func TestKeyFileOfTheVectors(t *testing.T) {
	const path = "testdata/alice.age"
	want := Stored{Key: mustKey(aliceSeed), Created: time.Unix(1_800_000_000, 0).UTC()}
	if *update {
		text, err := encodeKeyFile(want, vectorPassphrase, 10)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, text, 0o644))
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	got, err := decodeKeyFile(text, vectorPassphrase, 10)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

const vectorPassphrase = "correct horse battery staple"
