// Package backup writes the state of a platform into one file and reads it back: the
// store, the repositories and what lies beside them, as they were at one moment.
//
// The file is a gzipped tar. Its first entry, manifest.json, says what made it and
// which key its sealed values need; its last, end.json, has a digest over all others
// and proves with that key that they are whole and ours. Keys are never in it.
package backup

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
)

// Format is the version of files that this pave writes, and the newest it reads.
const Format = 1

// A Manifest says what a backup is of.
type Manifest struct {
	Format     int       `json:"format"`
	ID         string    `json:"id"`
	Version    string    `json:"version"` // of the pave that made it
	Mark       time.Time `json:"mark"`    // the moment
	Key        string    `json:"key"`     // tells the key that opens its sealed values from others
	Migrations []string  `json:"migrations"`
	// Repositories by folder, with where their refs were.
	Repositories map[string]git.Copy `json:"repositories"`
}

// end is the last entry.
type end struct {
	Entries int    `json:"entries"`
	Digest  string `json:"digest"`
	Proof   string `json:"proof"`
}

// Deriver makes what only the holder of a key can make.
type Deriver interface {
	Derive(purpose, id string) pave.Secret
}

// fingerprint tells a key from others and nothing more.
func fingerprint(k Deriver, id string) string { return k.Derive("backup key", id).Reveal() }

func proof(k Deriver, id, digest string) string {
	return k.Derive("backup end", id+" "+digest).Reveal()
}

// summed sums up entries as they are written or read.
type summed struct {
	sum hash.Hash
	n   int
}

func (s *summed) entry(h *tar.Header, content []byte) {
	line, err := json.Marshal([]any{h.Name, h.Typeflag, h.Mode, h.Gid, h.Size, h.Linkname, hex.EncodeToString(content)})
	if err != nil {
		panic(err) // strings and numbers only
	}
	s.sum.Write(line)
	s.n++
}

func (s *summed) digest() string { return hex.EncodeToString(s.sum.Sum(nil)) }

// writer writes entries of an archive.
type writer struct {
	file *os.File
	zip  *gzip.Writer
	tar  *tar.Writer
	sum  summed
}

func newWriter(f *os.File) *writer {
	z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant
	}
	return &writer{file: f, zip: z, tar: tar.NewWriter(z), sum: summed{sum: sha256.New()}}
}

func (w *writer) add(h *tar.Header, content io.Reader) error {
	if err := w.tar.WriteHeader(h); err != nil {
		return err
	}
	sum := sha256.New()
	if h.Typeflag == tar.TypeReg {
		n, err := io.Copy(io.MultiWriter(w.tar, sum), io.LimitReader(content, h.Size))
		if err == nil && n != h.Size {
			err = fmt.Errorf("%s became shorter while it was read", h.Name)
		}
		if err != nil {
			return err
		}
	}
	w.sum.entry(h, sum.Sum(nil))
	return nil
}

func (w *writer) addJSON(name string, v any) error {
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return w.addBytes(name, data)
}

func (w *writer) addBytes(name string, data []byte) error {
	return w.add(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: int64(len(data))}, bytes.NewReader(data))
}

// spooled adds what fill writes; its size is known only afterwards.
func (w *writer) spooled(name string, fill func(io.Writer) error) error {
	tmp, err := os.CreateTemp("", "pave-backup-*")
	if err != nil {
		return pave.Errorf(pave.Unavailable, "write a temporary file: %w", err).WithHint("free disk space, or set TMPDIR to another folder")
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	if err := fill(tmp); err != nil {
		return err
	}
	size, err := tmp.Seek(0, io.SeekCurrent)
	if err == nil {
		_, err = tmp.Seek(0, io.SeekStart)
	}
	if err != nil {
		return err
	}
	return w.add(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: size}, tmp)
}

// close adds the end and makes the file durable.
func (w *writer) close(k Deriver, id string) error {
	e := end{Entries: w.sum.n, Digest: w.sum.digest()}
	e.Proof = proof(k, id, e.Digest)
	err := w.addJSON("end.json", e)
	return errors.Join(err, w.tar.Close(), w.zip.Close(), w.file.Sync())
}

// errCut is about a file that does not end as it should.
func errCut(path string, cause error) error {
	return pave.Errorf(pave.Invalid, "the backup %s is cut off or damaged: %w", path, cause).
		WithHint("take another copy of it, or an older backup; nothing was changed")
}

// maxJSON bounds the entries that are read as a whole.
const maxJSON = 256 << 20

// read walks the entries of an archive. visit gets each but the end; a nil visit
// only proves them.
func read(path string, k Deriver, id string, visit func(*tar.Header, io.Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		return pave.Errorf(pave.NotFound, "open the backup: %w", err).WithHint("name the file that pave admin backup wrote")
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return pave.Errorf(pave.Invalid, "%s is no backup of pave", path).WithHint("name the file that pave admin backup wrote")
	}
	t, sum := tar.NewReader(z), summed{sum: sha256.New()}
	for {
		h, err := t.Next()
		if err != nil {
			return errCut(path, errors.New("it has no end mark"))
		}
		if h.Name == "end.json" {
			if err := checkEnd(path, k, id, t, sum); err != nil {
				return err
			}
			if _, err = t.Next(); err == io.EOF {
				_, err = io.Copy(io.Discard, z) // to its own sum
			}
			if err != nil {
				return errCut(path, err)
			}
			return nil
		}
		content := sha256.New()
		each := io.TeeReader(t, content)
		if visit != nil {
			if err := visit(h, each); err != nil {
				return err
			}
		}
		if _, err := io.Copy(io.Discard, each); err != nil {
			return errCut(path, err)
		}
		sum.entry(h, content.Sum(nil))
	}
}

func checkEnd(path string, k Deriver, id string, r io.Reader, sum summed) error {
	var e end
	if err := json.NewDecoder(io.LimitReader(r, maxJSON)).Decode(&e); err != nil {
		return errCut(path, err)
	}
	switch {
	case e.Entries != sum.n || e.Digest != sum.digest():
		return errCut(path, errors.New("its digest does not fit"))
	case k != nil && e.Proof != proof(k, id, e.Digest):
		return errCut(path, errors.New("it was changed by somebody without the key"))
	}
	return nil
}
