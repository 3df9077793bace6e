package git

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"

	"github.com/pave-platform/pave"
)

// The bounds of a pack from elsewhere. A few bytes of one can unpack to gigabytes,
// and what reads packs holds whole objects in memory.
const (
	maxPack     = 256 << 20 // bytes as it travels
	maxUnpacked = 512 << 20 // bytes of all objects
	maxObject   = 64 << 20  // bytes of one
	maxObjects  = 200_000
)

// checkedPack writes a pack into a file of dir and looks through it: the sizes that
// its objects say are what they unpack to, or they are refused where they are read.
// The caller closes the file, which has no name any more.
func checkedPack(dir string, from io.Reader) (*os.File, error) {
	f, err := os.CreateTemp(dir, "pack-")
	if err != nil {
		return nil, err
	}
	if err = os.Remove(filepath.Join(dir, filepath.Base(f.Name()))); err == nil {
		var n int64
		if n, err = io.Copy(f, io.LimitReader(from, maxPack+1)); err == nil && n > maxPack {
			err = tooLarge()
		}
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err == nil {
		err = checkPack(f)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func tooLarge() error {
	return pave.Errorf(pave.Invalid, "the repository has more than %d files and folders, %d MiB, or %d MiB in one file",
		maxObjects, maxUnpacked>>20, maxObject>>20).WithHint("keep templates in a repository of their own")
}

// checkPack is Invalid for a pack whose objects are too many or too large.
func checkPack(r io.Reader) error {
	s := packfile.NewScanner(r)
	_, count, err := s.Header()
	if err != nil {
		return err
	}
	if count > maxObjects {
		return tooLarge()
	}
	left := int64(maxUnpacked)
	take := func(size int64) error {
		if left -= size; size < 0 || size > maxObject || left < 0 {
			return tooLarge()
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
	if n <= 0 || size > maxUnpacked {
		return -1
	}
	return int64(size)
}
