package git

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/pave-platform/pave"
)

// A Copy is what a repository was at one moment: where its refs were.
type Copy struct {
	Resource string            `json:"resource"` // the marker
	Head     string            `json:"head"`     // the ref that HEAD means
	Refs     map[string]string `json:"refs"`     // commit or tag by full name
}

// CopyOf reads the refs of the repository at dir while others may push to it. It
// reads the files itself: it is called for all repositories at once, which must not
// take long.
func CopyOf(dir string) (c Copy, err error) {
	if c.Resource, err = Marker(dir); err != nil {
		return c, err
	}
	head, err := os.ReadFile(filepath.Join(dir, "HEAD"))
	if err == nil {
		c.Head = strings.TrimSpace(strings.TrimPrefix(string(head), "ref: "))
		c.Refs, err = looseRefs(dir)
	}
	// Packed ones come second: a ref that is packed meanwhile is seen in both places
	// rather than in none.
	if err == nil {
		err = packedRefs(dir, c.Refs)
	}
	if err != nil {
		return c, pave.Errorf(pave.Internal, "reading refs of repository %s: %w", filepath.Base(dir), err)
	}
	return c, nil
}

func looseRefs(dir string) (map[string]string, error) {
	refs := map[string]string{}
	err := filepath.WalkDir(filepath.Join(dir, "refs"), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // deleted meanwhile
		}
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".lock") {
			return err
		}
		id, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if text := strings.TrimSpace(string(id)); plumbing.IsHash(text) {
			refs[filepath.ToSlash(name)] = text
		}
		return err
	})
	return refs, err
}

// packedRefs adds the refs of the file for many; loose ones are newer.
func packedRefs(dir string, refs map[string]string) error {
	text, err := os.ReadFile(filepath.Join(dir, "packed-refs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		id, name, ok := strings.Cut(strings.TrimSpace(line), " ")
		if _, loose := refs[name]; ok && !loose && plumbing.IsHash(id) {
			refs[name] = id
		}
	}
	return err
}

// tips are the objects that the refs of a copy are at, each once.
func (c Copy) tips() []string {
	var out []string
	for _, id := range c.Refs {
		out = append(out, id)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Pack writes all objects that a copy of the repository at dir reaches, whatever its
// refs are now. Of a copy without refs it writes nothing.
func (c Copy) Pack(ctx context.Context, dir string, w io.Writer) error {
	tips := c.tips()
	if len(tips) == 0 {
		return nil
	}
	_, err := Run(ctx, Options{Dir: dir, Stdin: strings.NewReader(strings.Join(tips, "\n") + "\n"), Stdout: w},
		"pack-objects", "--revs", "--stdout", "--delta-base-offset", "-q")
	return err
}

// Unpack makes the repository of a copy at dir, from the pack that Pack wrote. It is
// renamed into place whole.
func (c Copy) Unpack(ctx context.Context, dir, hooks string, pack io.Reader) error {
	temp := filepath.Join(filepath.Dir(dir), ".new-"+c.Resource+"-"+rand.Text())
	defer os.RemoveAll(temp)
	if err := skeleton(temp, Repository{Resource: c.Resource, HooksPath: hooks}); err != nil {
		return err
	}
	if len(c.Refs) > 0 {
		if _, err := Run(ctx, Options{Dir: temp, Stdin: pack}, "index-pack", "--stdin", "--strict"); err != nil {
			return err
		}
	}
	if err := c.writeRefs(temp); err != nil {
		return pave.Errorf(pave.Unavailable, "write the refs of repository %s: %w", filepath.Base(dir), err)
	}
	return os.Rename(temp, dir)
}

func (c Copy) writeRefs(dir string) error {
	var names []string
	for name := range c.Refs {
		names = append(names, name)
	}
	slices.Sort(names)
	f, err := os.Create(filepath.Join(dir, "packed-refs"))
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "# pack-refs with: sorted")
	for _, name := range names {
		fmt.Fprintln(w, c.Refs[name], name)
	}
	err = errors.Join(w.Flush(), f.Sync(), f.Close())
	return errors.Join(err, os.WriteFile(filepath.Join(dir, "HEAD"), []byte("ref: "+c.Head+"\n"), 0o644))
}
