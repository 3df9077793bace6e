package terraform

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/pave-platform/pave"
)

const (
	maxModuleFiles = 2000
	maxModuleBytes = 32 << 20
)

// Keep keeps the module of a request and says how a binding would use it. Kept are the ids
// of the secrets that the binding has already, by their names.
func (d *Driver) Keep(ctx context.Context, kind string, r pave.BindRequest, kept map[string]string) (pave.Bound, error) {
	from, err := d.bring(ctx, r)
	if err != nil {
		return pave.Bound{}, err
	}
	if is := from.info.Kind; is != "" && is != kind {
		return pave.Bound{}, pave.BadField("module", r.Source, "makes a "+is, "pave bind ENVIRONMENT "+is+" terraform --module "+r.Source)
	}
	backend, r, err := backendOf(r)
	if err != nil {
		return pave.Bound{}, err
	}
	secrets, err := d.opened(ctx, kept, r.Secrets)
	if err != nil {
		return pave.Bound{}, err
	}
	x := resolve(from.iface, kind, r, secrets)
	if err := x.unfit(); err != nil {
		return pave.Bound{}, err
	}
	m := x.m
	if m.Mirror != "" {
		if info, err := os.Stat(m.Mirror); err != nil || !info.IsDir() || !filepath.IsAbs(m.Mirror) {
			return pave.Bound{}, pave.BadField("mirror", m.Mirror, "is not a folder of this machine with an absolute path", "--mirror /srv/terraform")
		}
	}
	m.Backend = backend
	if _, signs := secrets[TokenVariable]; r.Provider == HCP && !signs {
		return pave.Bound{}, pave.Errorf(pave.Invalid, "secret: HCP Terraform has to know who calls").WithHint("--secret-file %s=./token, a token that may manage workspaces", TokenVariable)
	}
	if m.Import = r.Import; len(m.Import) > 0 {
		if err := checkImports(m.Import); err != nil {
			return pave.Bound{}, err
		}
	}
	m.Digest, m.Source, m.Commit = from.digest, from.source, from.commit
	return pave.Bound{Binding: pave.Binding{Kind: kind, Provider: r.Provider, Module: &m}, Inputs: x.i.Inputs, Outputs: x.i.Outputs, Notes: x.notes}, d.keep(m.Digest, from.archive)
}

// opened are the secrets that terraform will see, with the values of inputs: rules of the
// module are held against them, also where it has others than when they were given.
func (d *Driver) opened(ctx context.Context, kept map[string]string, given map[string]pave.Secret) (map[string]pave.Secret, error) {
	out := map[string]pave.Secret{}
	for name, id := range kept {
		out[name] = pave.Secret{}
		if _, anew := given[name]; anew || id == "" || d.Vault == nil || !strings.HasPrefix(name, inputPrefix) {
			continue
		}
		value, err := d.Vault.Get(ctx, id)
		if err != nil && pave.CodeOf(err) != pave.NotFound {
			return nil, err
		}
		if err == nil {
			out[name] = value
		}
	}
	maps.Copy(out, given)
	return out, nil
}

// Read says what the module of a request asks for, what pave would fill, and what a
// binding of it would have to say beside. It keeps nothing.
func (d *Driver) Read(ctx context.Context, kind string, r pave.BindRequest) (pave.ModuleReading, error) {
	from, err := d.bring(ctx, r)
	if err != nil {
		return pave.ModuleReading{}, err
	}
	if from.info.Kind != "" && kind == "" {
		kind = from.info.Kind
	}
	out := pave.ModuleReading{ModuleInfo: from.info, Commit: from.commit, Digest: from.digest, Readme: from.readme}
	out.Kind = kind
	x := resolve(from.iface, kind, r, r.Secrets)
	out.Inputs, out.Outputs, out.Missing = x.i.Inputs, x.i.Outputs, x.lacks
	return out, joined(x.wrong)
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

// Files are those of a module that was kept.
func (d *Driver) Files(digest string) (fs.FS, error) {
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
