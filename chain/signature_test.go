package chain

import (
	stded25519 "crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil/bech32"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func signedBy(seed byte, message string) Signed {
	sum := sha256.Sum256([]byte{seed})
	key := stded25519.NewKeyFromSeed(sum[:])
	s := Signed{Message: []byte(message)}
	copy(s.Key[:], key.Public().(stded25519.PublicKey))
	copy(s.Signature[:], stded25519.Sign(key, s.Message))
	return s
}

// smallOrder are encodings of points of small order, some not canonical: the
// cases in which implementations of Ed25519 disagree with one another.
var smallOrder = []string{
	"0100000000000000000000000000000000000000000000000000000000000000",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0100000000000000000000000000000000000000000000000000000000000080",
}

func TestBatchAndSingleNeverDisagree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		batch := make([]Signed, rapid.IntRange(1, 20).Draw(t, "size"))
		for i := range batch {
			s := signedBy(byte(rapid.IntRange(0, 5).Draw(t, "key")), "message")
			switch rapid.IntRange(0, 5).Draw(t, "spoil") {
			case 0:
				s.Signature[rapid.IntRange(0, 63).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			case 1:
				s.Message = []byte("another message")
			case 2: // signatures by points of small order verify or not, but alike
				a, _ := hex.DecodeString(rapid.SampledFrom(smallOrder).Draw(t, "A"))
				r, _ := hex.DecodeString(rapid.SampledFrom(smallOrder).Draw(t, "R"))
				copy(s.Key[:], a)
				s.Signature = Signature{}
				copy(s.Signature[:32], r)
			}
			batch[i] = s
		}
		for i, good := range VerifyBatch(batch) {
			require.Equal(t, batch[i].Verify(), good, "signature %d", i)
		}
	})
}

func TestABadSignatureSpoilsOnlyItself(t *testing.T) {
	batch := make([]Signed, 300)
	for i := range batch {
		batch[i] = signedBy(byte(i), "m")
	}
	batch[123].Signature[5] ^= 1
	for i, good := range VerifyBatch(batch) {
		require.Equal(t, i != 123, good)
	}
}

// alphabet is that of BIP 173.
const alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

func TestAddressGroupsAreThoseOfTheAlphabet(t *testing.T) {
	for i := range len(addressGroups) {
		group := strings.IndexByte(alphabet, byte('0'+i))
		if group < 0 {
			group = noGroup
		}
		require.Equal(t, byte(group), addressGroups[i], "%q", '0'+i)
	}
	for i := range alphabet {
		require.Less(t, int(alphabet[i]-'0'), len(addressGroups))
	}
}

func TestAddresses(t *testing.T) {
	address := signedBy(1, "").Key.Address()
	require.True(t, strings.HasPrefix(address, "bpsc1"))
	require.NoError(t, ValidateAddress("x", address))
	require.NoError(t, ValidateAddress("x", BPSCAddress("aka")))
	require.NotEqual(t, BPSCAddress("aka"), BPSCAddress("akb"))
	for name, text := range map[string]string{
		"nothing":        "",
		"a word":         "alice",
		"capitals":       strings.ToUpper(address),
		"a changed sign": address[:20] + "q" + address[21:],
		"cut short":      address[:len(address)-1],
		"another prefix": "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c",
		"bech32, not m":  "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
		"space":          " " + address,
	} {
		if text == address {
			continue
		}
		require.ErrorIs(t, ValidateAddress("x", text), AddressInvalid, name)
	}
}

// Of all texts only one is the address of a key.
func TestAnAddressHasOneSpelling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := signedBy(byte(rapid.IntRange(0, 255).Draw(t, "key")), "").Key
		address := []byte(key.Address())
		require.NoError(t, ValidateAddress("x", string(address)))
		i := rapid.IntRange(0, len(address)-1).Draw(t, "at")
		c := byte(rapid.IntRange(0, 127).Draw(t, "char"))
		if address[i] == c {
			return
		}
		address[i] = c
		require.ErrorIs(t, ValidateAddress("x", string(address)), AddressInvalid)
	})
}

// Our own decoder and the library's agree on every text of the right length.
func TestAddressesAgreeWithTheLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		payload := rapid.SliceOfN(rapid.Byte(), addressBytes, addressBytes).Draw(t, "payload")
		text := []byte(encodeAddress(payload))
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			i := rapid.IntRange(0, len(text)-1).Draw(t, "at")
			text[i] = alphabet[rapid.IntRange(0, 31).Draw(t, "char")]
		}
		prefix, groups, version, err := bech32.DecodeGeneric(string(text))
		want := err == nil && prefix == addressPrefix && version == bech32.VersionM && len(groups) == 32
		require.Equal(t, want, ValidateAddress("x", string(text)) == nil, "%s", text)
	})
}

func BenchmarkValidateAddress(b *testing.B) {
	address := signedBy(1, "").Key.Address()
	for b.Loop() {
		if ValidateAddress("x", address) != nil {
			b.Fatal("bad")
		}
	}
}

func BenchmarkVerifySingle(b *testing.B) {
	s := signedBy(1, "m")
	for b.Loop() {
		if !s.Verify() {
			b.Fatal("bad")
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "signatures/s")
}

func BenchmarkVerifyBatch256(b *testing.B) {
	batch := make([]Signed, 256)
	for i := range batch {
		batch[i] = signedBy(byte(i), "m")
	}
	for b.Loop() {
		VerifyBatch(batch)
	}
	b.ReportMetric(float64(b.N*len(batch))/b.Elapsed().Seconds(), "signatures/s")
}

// Owns is the same question as whether the Address is that text.
func TestOwnsIsWhatAddressSays(t *testing.T) {
	for i := range 200 {
		k, other := PublicKey(DeriveID([]byte{byte(i)})), PublicKey(DeriveID([]byte{byte(i), 0}))
		address := k.Address()
		require.True(t, k.Owns(address), address)
		require.False(t, other.Owns(address), address)
		at := i % len(address)
		for _, c := range []byte("q1B\x00\xff") {
			wrong := address[:at] + string([]byte{c}) + address[at+1:]
			require.Equal(t, wrong == address, k.Owns(wrong), wrong)
		}
		require.False(t, k.Owns(address[:at]))
		require.False(t, k.Owns(address+"q"))
	}
	// Nobody has the key of an address whose checksum is right and whose last group is another.
	hash := sha256.Sum256([]byte("k"))
	k := PublicKey(hash)
	payload := sha256.Sum256(k[:])
	for i := range addressBytes {
		payload[i] ^= 1
		text := encodeAddress(payload[:addressBytes])
		require.NoError(t, ValidateAddress("a", text))
		require.False(t, k.Owns(text), i)
		payload[i] ^= 1
	}
	require.True(t, k.Owns(encodeAddress(payload[:addressBytes])))
}
