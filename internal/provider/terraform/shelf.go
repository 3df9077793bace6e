package terraform

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pave-platform/pave"
)

const (
	maxModuleFiles = 2000
	maxModuleBytes = 32 << 20
)

// Keep keeps a module, sent as a zip of its folder, and says how a binding would use it.
// Secrets are the names of variables that terraform will see.
func (d *Driver) Keep(r pave.BindRequest, secrets []string) (pave.Module, []pave.ModuleInput, []pave.ModuleOutput, error) {
	files, err := openArchive(r.Archive)
	if err != nil {
		return pave.Module{}, nil, nil, err
	}
	found, err := inspect(files)
	if err != nil {
		return pave.Module{}, nil, nil, err
	}
	m, found, err := resolve(found, r, secrets)
	if err != nil {
		return m, nil, nil, err
	}
	if m.Mirror != "" {
		if info, err := os.Stat(m.Mirror); err != nil || !info.IsDir() || !filepath.IsAbs(m.Mirror) {
			return m, nil, nil, pave.BadField("mirror", m.Mirror, "is not a folder of this machine with an absolute path", "--mirror /srv/terraform")
		}
	}
	sum := sha256.Sum256(r.Archive)
	m.Digest, m.Source = "sha256:"+hex.EncodeToString(sum[:]), r.Source
	return m, found.Inputs, found.Outputs, d.keep(m.Digest, r.Archive)
}

// keep writes the archive of a module, unless it is there.
func (d *Driver) keep(digest string, archive []byte) error {
	to := d.archive(digest)
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	if err := errors.Join(d.passable(), os.MkdirAll(filepath.Dir(to), 0o700)); err != nil {
		return diskError(err)
	}
	f, err := os.CreateTemp(filepath.Dir(to), "new-*")
	if err != nil {
		return diskError(err)
	}
	defer os.Remove(f.Name()) // gone already once it has its name
	_, err = f.Write(archive)
	return diskError(errors.Join(err, f.Sync(), f.Close(), os.Rename(f.Name(), to)))
}

func (d *Driver) archive(digest string) string {
	return filepath.Join(d.Dir, "modules", filepath.Base(digest[len("sha256:"):])+".zip")
}

// files are those of a module that was kept.
func (d *Driver) files(digest string) (fs.FS, error) {
	data, err := os.ReadFile(d.archive(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, pave.Errorf(pave.Invalid, "the module %.19s is not kept any more", digest).WithHint("pave bind it again")
	}
	if err != nil {
		return nil, diskError(err)
	}
	return openArchive(data)
}

// openArchive opens a zip within bounds. fs.FS lets no name lead out of it.
func openArchive(data []byte) (fs.FS, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil || len(z.File) == 0 {
		return nil, pave.Errorf(pave.Invalid, "module: it is no zip of a folder").WithHint("pave bind ENV KIND terraform --module DIR")
	}
	total := uint64(0)
	for _, f := range z.File {
		total += f.UncompressedSize64
		if !f.FileInfo().IsDir() && !f.Mode().IsRegular() {
			return nil, pave.Errorf(pave.Invalid, "module: %q is no file", f.Name).WithHint("leave it out")
		}
	}
	if len(z.File) > maxModuleFiles || total > maxModuleBytes {
		return nil, pave.Errorf(pave.Invalid, "module: it has more than %d files or %d MiB", maxModuleFiles, maxModuleBytes>>20).
			WithHint("name the folder of the module alone, without .terraform")
	}
	return z, nil
}
