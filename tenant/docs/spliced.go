package docs

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"path"
	"slices"
)

// spliced is a file with a gap, which each request has filled with another text. It
// is packed once, around the gap: anybody may ask for any text, and packing it anew
// each time would be work for the asking.
type spliced struct {
	mediaType, version string
	plain, packed      [2][]byte // before and after the gap; packed without what makes deflated bytes gzip
}

// newSpliced makes a gap of the first occurrence of a text.
func newSpliced(name string, content []byte, gap string) (*spliced, error) {
	before, after, found := bytes.Cut(content, []byte(gap))
	if !found {
		return nil, fmt.Errorf("%s holds no %q", name, gap)
	}
	sum := sha256.Sum256(content)
	s := &spliced{mediaType: mediaTypes[path.Ext(name)], version: string(sum[:]), plain: [2][]byte{before, after}}
	for i, part := range s.plain {
		var err error
		if s.packed[i], err = deflate(part, i == 1); err != nil {
			return nil, fmt.Errorf("pack %s: %w", name, err)
		}
	}
	return s, nil
}

// deflate packs a part of a stream so that others can be put around it: it refers to
// nothing before it, and ends at a whole byte.
func deflate(part []byte, last bool) ([]byte, error) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(part); err != nil {
		return nil, err
	}
	if last {
		err = w.Close()
	} else {
		err = w.Flush()
	}
	return b.Bytes(), err
}

// with is the file with a text in its gap.
func (s *spliced) with(text string) *file {
	plain := slices.Concat(s.plain[0], []byte(text), s.plain[1])
	sum := sha256.Sum256([]byte(s.version + text))
	return &file{mediaType: s.mediaType, version: hex.EncodeToString(sum[:8]), plain: plain, packed: s.gzip(text, plain)}
}

// gzipHeader says nothing but that deflated bytes follow (RFC 1952).
var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}

// gzip puts the packed parts around a text that is stored as it is, in blocks of up to
// 64 KiB (RFC 1951, 3.2.4), and ends with the checksum of all of it.
func (s *spliced) gzip(text string, plain []byte) []byte {
	packed := slices.Concat(gzipHeader, s.packed[0])
	for block := range slices.Chunk([]byte(text), 1<<16-1) {
		n := uint16(len(block)) //nolint:gosec // It is no longer than a chunk.
		packed = append(packed, 0)
		packed = binary.LittleEndian.AppendUint16(packed, n)
		packed = binary.LittleEndian.AppendUint16(packed, ^n)
		packed = append(packed, block...)
	}
	packed = append(packed, s.packed[1]...)
	packed = binary.LittleEndian.AppendUint32(packed, crc32.ChecksumIEEE(plain))
	return binary.LittleEndian.AppendUint32(packed, uint32(len(plain))) //nolint:gosec // The format has the length's last 32 bits.
}
