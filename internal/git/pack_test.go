package git

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"testing"

	"github.com/pave-platform/pave"
)

// A packed is one object of a pack: its type, what it says its size is, and what it
// unpacks to.
type packed struct {
	kind byte
	size uint64
	data []byte
}

const (
	blobKind     = 3
	refDeltaKind = 7
)

func packOf(t *testing.T, count uint32, objects ...packed) []byte {
	t.Helper()
	out := bytes.NewBufferString("PACK")
	for _, n := range []uint32{2, count} {
		if err := binary.Write(out, binary.BigEndian, n); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range objects {
		c, size := o.kind<<4|byte(o.size&15), o.size>>4
		for ; size > 0; size >>= 7 {
			out.WriteByte(c | 0x80)
			c = byte(size & 0x7f)
		}
		out.WriteByte(c)
		if o.kind == refDeltaKind {
			out.Write(make([]byte, 20))
		}
		z := zlib.NewWriter(out)
		if _, err := z.Write(o.data); err != nil {
			t.Fatal(err)
		}
		z.Close()
	}
	sum := sha1.Sum(out.Bytes())
	return append(out.Bytes(), sum[:]...)
}

// delta says what it is from and makes, and does nothing.
func delta(from, makes uint64) packed {
	data := binary.AppendUvarint(binary.AppendUvarint(nil, from), makes)
	return packed{refDeltaKind, uint64(len(data)), data}
}

func whole(size int) packed { return packed{blobKind, uint64(size), make([]byte, size)} }

// A pack of a few kilobytes does not unpack to gigabytes.
func TestCheckedPack(t *testing.T) {
	t.Parallel()
	max := commitBounds // smaller, so that the test does not unpack for a minute
	max.object, max.unpacked, max.objects = 1<<20, 8<<20, 1000
	many := make([]packed, 9)
	for i := range many {
		many[i] = whole(int(max.object))
	}
	for name, pack := range map[string][]byte{
		"one large object":     packOf(t, 1, whole(int(max.object)+1)),
		"says it is huge":      packOf(t, 1, packed{blobKind, 1 << 40, []byte("x")}),
		"all together":         packOf(t, 9, many...),
		"makes a large object": packOf(t, 1, delta(1, uint64(max.object)+1)),
		"makes what overflows": packOf(t, 1, delta(1, 1<<63)),
		"many differences":     packOf(t, 9, delta(1, uint64(max.object)), delta(1, uint64(max.object)), delta(1, uint64(max.object)), delta(1, uint64(max.object)), delta(1, uint64(max.object)), delta(1, uint64(max.object)), delta(1, uint64(max.object)), delta(1, uint64(max.object)), delta(1, uint64(max.object))),
		"a difference of none": packOf(t, 1, packed{refDeltaKind, 1, []byte{0x80}}),
		"too many objects":     packOf(t, max.objects+1),
		"millions, it is said": packOf(t, 1<<31),
	} {
		if f, err := checkedPack(t.TempDir(), bytes.NewReader(pack), max); pave.CodeOf(err) != pave.Invalid {
			t.Errorf("%s (%d bytes): %v, %v", name, len(pack), f, err)
		}
	}
	for name, pack := range map[string][]byte{"more than it says": packOf(t, 1, packed{blobKind, 10, make([]byte, 1<<20)}),
		"cut off": packOf(t, 2, whole(10)), "no pack": []byte("PACKxxxxxxxxx"), "empty": nil} {
		if f, err := checkedPack(t.TempDir(), bytes.NewReader(pack), max); err == nil {
			t.Errorf("%s was taken: %v", name, f)
		}
	}
	good := packOf(t, 3, whole(0), whole(1000), delta(1000, 2000))
	f, err := checkedPack(t.TempDir(), bytes.NewReader(good), max)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := new(bytes.Buffer)
	if _, err := got.ReadFrom(f); err != nil || !bytes.Equal(got.Bytes(), good) {
		t.Errorf("a good pack is handed on from its start: %d of %d bytes, %v", got.Len(), len(good), err)
	}
}
