package git

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"

	"github.com/pave-platform/pave"
)

// The bounds of a pack from elsewhere. A few bytes of one can unpack to gigabytes,
// and what reads packs holds whole objects in memory.
const (
	maxObject  = 64 << 20
	maxObjects = 200_000 // of one commit
)

type bounds struct {
	pack     int64 // bytes as it travels
	unpacked int64 // bytes of all objects
	object   int64 // bytes of one
	objects  uint32
	hint     string // how to stay within
}

var (
	commitBounds  = bounds{256 << 20, 512 << 20, maxObject, maxObjects, "keep templates in a repository of their own"}
	historyBounds = bounds{MaxHistory, 8 << 30, maxObject, 1_000_000, "bring less of its history: git clone --depth 100, and adopt that folder"}
)

// MaxHistory is how large the pack of a history may be, in bytes.
const MaxHistory = 512 << 20

// checkedPack writes a pack into a file of dir and looks through it: the sizes that
// its objects say are what they unpack to, or they are refused where they are read.
// The caller closes the file, which has no name any more.
func checkedPack(dir string, from io.Reader, max bounds) (*os.File, error) {
	f, err := os.CreateTemp(dir, "pack-")
	if err != nil {
		return nil, err
	}
	if err = os.Remove(filepath.Join(dir, filepath.Base(f.Name()))); err == nil {
		var n int64
		if n, err = io.Copy(f, io.LimitReader(from, max.pack+1)); err == nil && n > max.pack {
			err = max.exceeded()
		}
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err == nil {
		err = checkPack(f, max)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (b bounds) exceeded() error {
	return pave.Errorf(pave.Invalid, "the repository has more than %d MiB, %d files and folders, %d MiB unpacked, or %d MiB in one file",
		b.pack>>20, b.objects, b.unpacked>>20, b.object>>20).WithHint("%s", b.hint)
}

// checkPack is Invalid for a pack whose objects are too many or too large.
func checkPack(r io.Reader, max bounds) error {
	s := packfile.NewScanner(r)
	_, count, err := s.Header()
	if err != nil {
		return err
	}
	if count > max.objects {
		return max.exceeded()
	}
	left := max.unpacked
	take := func(size int64) error {
		if left -= size; size < 0 || size > max.object || left < 0 {
			return max.exceeded()
		}
		return nil
	}
	for range count {
		h, err := s.NextObjectHeader()
		if err != nil {
			return err
		}
		if err := take(h.Length); err != nil {
			return err
		}
		var begin first
		if _, _, err := s.NextObject(&begin); err != nil {
			return err
		}
		if h.Type != plumbing.OFSDeltaObject && h.Type != plumbing.REFDeltaObject {
			continue
		}
		if err := take(begin.made()); err != nil {
			return err
		}
	}
	return nil
}

// first keeps the first bytes of a difference: the size of what it is from, then that
// of what it makes.
type first struct{ bytes []byte }

// Write keeps what is still wanted.
func (f *first) Write(p []byte) (int, error) {
	f.bytes = append(f.bytes, p[:min(len(p), 2*binary.MaxVarintLen64-len(f.bytes))]...)
	return len(p), nil
}

// made is the size of what a difference makes, or -1.
func (f *first) made() int64 {
	_, n := binary.Uvarint(f.bytes)
	if n <= 0 {
		return -1
	}
	size, n := binary.Uvarint(f.bytes[n:])
	if n <= 0 || size > math.MaxInt32 {
		return -1
	}
	return int64(size)
}
