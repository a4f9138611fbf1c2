package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
)

// The footer is a skippable frame of zstd (RFC 8878 §3.1.2): magic and length, then
//
//	"bpscbkp1"   8 bytes
//	manifest     uint64, where the frame of manifest.json begins
//	length       uint64, of all that stands before the footer
//	SHA-256      of all that, and the two numbers
//
// Numbers are little-endian, as zstd's.
const (
	skippable   = 0x184D2A5B
	footerMagic = "bpscbkp1"
	footerBytes = 4 + 4 + len(footerMagic) + 8 + 8 + sha256.Size
)

// footer tells where in an archive the manifest is, and whether all is there.
type footer struct {
	manifest uint64
	length   uint64
	sum      [sha256.Size]byte
}

// numbers are what the sum covers besides.
func (f *footer) numbers() []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, f.manifest), f.length)
}

func (f *footer) encode() []byte {
	b := binary.LittleEndian.AppendUint32(nil, skippable)
	b = binary.LittleEndian.AppendUint32(b, uint32(footerBytes-8))
	b = append(b, footerMagic...)
	b = append(b, f.numbers()...)
	return append(b, f.sum[:]...)
}

// decodeFooter reads the last bytes of an archive that has length bytes before them.
func decodeFooter(text []byte, length uint64) (f footer, err error) {
	if len(text) == footerBytes {
		at := text[8+len(footerMagic):]
		f.manifest, f.length = binary.LittleEndian.Uint64(at), binary.LittleEndian.Uint64(at[8:])
		copy(f.sum[:], at[16:])
	}
	if !bytes.Equal(f.encode(), text) || f.manifest >= f.length {
		return f, damaged("it has no end: it is cut short, or no backup")
	}
	if f.length != length {
		return f, damaged("it has %d bytes, and says that it has %d", length, f.length)
	}
	return f, nil
}
