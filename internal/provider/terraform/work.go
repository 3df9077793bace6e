package terraform

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// What lies in the working folder of a resource. Terraform writes there, and so do the
// programs that a module may start: the folder is read and written through os.Root, which
// no link leads out of.
const (
	moduleDir    = "module"                                    // the files of the module, and what terraform adds
	stateFile    = "terraform.tfstate"                         // the memory of what was made, secrets in it
	varsFile     = "pave.tfvars.json"                          // the inputs
	configFile   = "cli.tfrc"                                  // of terraform itself
	keptFile     = "kept"                                      // digest and mirror that module was made from
	readyFile    = "initialized"                               // terraform init came to its end
	planFile     = "plan.bin"                                  // the saved plan
	planJSONFile = "plan.json"                                 // what it says
	outputsFile  = "outputs.json"                              // of the last apply
	appliedFile  = "applied"                                   // the last apply came to its end
	triedFile    = "tried"                                     // what a step has begun to make
	tmpDir       = "t"                                         // for sockets of providers, whose paths must be short
	jobFile      = "job"                                       // name of the job that was started last
	thingsFile   = "things"                                    // what a state that is elsewhere holds
	backendFile  = moduleDir + "/.terraform/terraform.tfstate" // where terraform thinks that the state is
)

// A work is the working folder of a resource.
type work struct {
	d       *Driver
	r       resource.Resource
	dir     string
	root    *os.Root // nil where there is no folder
	secrets map[string]pave.Secret
	binary  string
	remote  bool // the state is elsewhere
}

// locks keep two callers of this process apart; another process is met by its job and by
// the lock of the state.
var locks sync.Map

func lock(id string) (unlock func()) {
	m, _ := locks.LoadOrStore(id, &sync.Mutex{})
	mu := m.(*sync.Mutex)
	mu.Lock()
	return mu.Unlock
}

func (d *Driver) folder(id string) string { return filepath.Join(d.Dir, "work", id) }

func (d *Driver) folders() []string {
	entries, _ := os.ReadDir(filepath.Join(d.Dir, "work")) // not there is as good as empty
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// passable makes the folders that terraform's user has to pass on the way to its own.
func (d *Driver) passable() error {
	work := filepath.Join(d.Dir, "work")
	return errors.Join(os.MkdirAll(work, 0o711), os.Chmod(d.Dir, 0o711), os.Chmod(work, 0o711))
}

// forget removes a working folder, and the copy of its state.
func (d *Driver) forget(id string) {
	_ = os.Remove(d.copyOf(id)) // what is left the next Delete takes
	_ = os.RemoveAll(d.folder(id))
}

// open opens the working folder of a resource, which may not be there.
func (d *Driver) open(id string) (*work, error) {
	w := &work{d: d, r: resource.Resource{ID: id}, dir: d.folder(id)}
	root, err := os.OpenRoot(w.dir)
	if errors.Is(err, fs.ErrNotExist) {
		found, err := d.fromCopy(id)
		if err != nil || !found {
			return w, err
		}
		root, err = os.OpenRoot(w.dir)
		if err != nil {
			return w, diskError(err)
		}
		w.root = root
		return w, nil
	}
	w.root = root
	return w, diskError(err)
}

func (w *work) close() {
	if w.root != nil {
		w.root.Close()
	}
}

// prepare makes the working folder as the spec wants it.
func (d *Driver) prepare(ctx context.Context, r resource.Resource, s spec) (*work, error) {
	if err := ctxError(ctx); err != nil {
		return nil, err
	}
	binary, err := d.binary()
	if err != nil {
		return nil, err
	}
	if err := d.passable(); err != nil {
		return nil, diskError(err)
	}
	if _, err := os.Stat(d.folder(r.ID)); errors.Is(err, fs.ErrNotExist) {
		if found, err := d.fromCopy(r.ID); err != nil {
			return nil, err
		} else if !found {
			err = os.Mkdir(d.folder(r.ID), 0o700)
			if err != nil && !errors.Is(err, fs.ErrExist) {
				return nil, diskError(err)
			}
		}
	}
	w, err := d.open(r.ID)
	if err != nil {
		return nil, err
	}
	w.r, w.binary, w.remote = r, binary, remote(r.ID, s.Module)
	if err = w.await(ctx); err == nil {
		err = w.fill(ctx, s)
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// fill writes the module, the inputs and the configuration, and opens the secrets.
func (w *work) fill(ctx context.Context, s spec) error {
	w.secrets = map[string]pave.Secret{}
	for name, id := range s.Module.Secrets {
		value, err := w.d.Vault.Get(ctx, id)
		if err != nil {
			return pave.Errorf(pave.CodeOf(err), "the value of %s for terraform: %w", name, err).WithHint("pave bind gives it again")
		}
		w.secrets[name] = value
	}
	where := override(w.r.ID, s.Module)
	kept := s.Module.Digest + " " + s.Module.Mirror + " " + where
	if have, _ := w.read(keptFile); string(have) != kept {
		if err := w.unpack(s.Module, where); err != nil {
			return err
		}
		if err := w.write(keptFile, []byte(kept)); err != nil {
			return err
		}
	}
	if err := w.root.Mkdir(tmpDir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return diskError(err)
	}
	if err := w.own(tmpDir); err != nil {
		return err
	}
	vars, err := json.MarshalIndent(values(w.r, s), "", "  ")
	if err != nil {
		return err
	}
	if err := w.writeImports(s.Module); err != nil {
		return err
	}
	return errors.Join(w.write(varsFile, vars), w.write(configFile, []byte(configuration(s.Module.Mirror))), w.own("."))
}

// unpack puts the files of the module in the place of those that were there. Where the
// state was until now stays written down, so that terraform moves it.
func (w *work) unpack(m pave.Module, where string) error {
	before, err := w.read(backendFile)
	if err != nil {
		return err
	}
	files, err := w.d.Files(m.Digest)
	if err != nil {
		return err
	}
	if err := errors.Join(w.remove(readyFile, keptFile), w.root.RemoveAll(moduleDir), w.root.MkdirAll(moduleDir, 0o700)); err != nil {
		return diskError(err)
	}
	err = fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := path.Join(moduleDir, name)
		if e.IsDir() {
			return errors.Join(w.root.MkdirAll(to, 0o700), w.own(to))
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		return w.writeAs(to, data, 0o600|info.Mode().Perm()&0o100)
	})
	if err != nil {
		return diskError(err)
	}
	if len(before) > 0 {
		dir := path.Dir(backendFile)
		if err := errors.Join(w.root.MkdirAll(dir, 0o700), w.own(dir), w.write(backendFile, before)); err != nil {
			return diskError(err)
		}
	}
	return w.write(path.Join(moduleDir, "pave_override.tf.json"), []byte(where))
}

// configuration is terraform's own: never that of whoever started pave.
func configuration(mirror string) string {
	out := "disable_checkpoint = true\n"
	if mirror != "" {
		out += fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %s\n  }\n}\n", quoteHCL(mirror))
	}
	return out
}

// quoteHCL writes a text as HCL reads it.
func quoteHCL(s string) string {
	b, _ := json.Marshal(s) // a string
	return strings.ReplaceAll(strings.ReplaceAll(string(b), "${", "$${"), "%{", "%%{")
}

func (w *work) own(name string) error {
	if w.d.UID == 0 {
		return nil
	}
	return diskError(w.root.Lchown(name, w.d.UID, w.d.UID))
}

func (w *work) write(name string, data []byte) error { return w.writeAs(name, data, 0o600) }

func (w *work) writeAs(name string, data []byte, mode fs.FileMode) error {
	_ = w.root.Remove(name) // a link in its place would be followed
	f, err := w.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return diskError(err)
	}
	_, err = f.Write(data)
	return diskError(errors.Join(err, f.Close(), w.own(name)))
}

// maxFile bounds what is read of what terraform wrote.
const maxFile = 64 << 20

// read returns a file; nil where it is not there.
func (w *work) read(name string) ([]byte, error) {
	if w.root == nil {
		return nil, nil
	}
	f, err := w.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, diskError(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s has more than %d MiB", name, maxFile>>20)
	}
	return data, diskError(err)
}

func (w *work) has(name string) bool {
	if w.root == nil {
		return false
	}
	_, err := w.root.Lstat(name)
	return err == nil
}

func (w *work) remove(names ...string) error {
	for _, name := range names {
		if err := w.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return diskError(err)
		}
	}
	return nil
}

// things are the addresses of what the state holds. Of one that is elsewhere it is what
// terraform found there last.
func (w *work) things() ([]string, error) {
	if lines, err := w.read(thingsFile); err != nil || lines != nil {
		return counted(lines), err
	}
	data, err := w.read(stateFile)
	if err != nil || len(data) == 0 {
		return nil, err
	}
	var state struct {
		Resources []struct {
			Module, Mode, Type, Name string
			Instances                []json.RawMessage
		}
	}
	if err := json.Unmarshal(data, &state); err != nil {
		return nil, pave.Errorf(pave.Invalid, "the state %s cannot be read: it is no JSON", filepath.Join(w.dir, stateFile)).
			WithHint("terraform keeps the one before as %s.backup", stateFile)
	}
	var out []string
	for _, r := range state.Resources {
		if r.Mode != "managed" || len(r.Instances) == 0 {
			continue
		}
		address := strings.TrimPrefix(r.Module+"."+r.Type+"."+r.Name, ".")
		if n := len(r.Instances); n > 1 {
			address += fmt.Sprintf(" (%d)", n)
		}
		out = append(out, address)
	}
	return out, nil
}

// counted are the addresses of terraform state list: each once, with how many there are.
func counted(lines []byte) []string {
	var out []string
	n := map[string]int{}
	for line := range strings.Lines(string(lines)) {
		address := strings.TrimSpace(line)
		if at := strings.LastIndexByte(address, '['); at > 0 && strings.HasSuffix(address, "]") {
			address = address[:at]
		}
		if address == "" || strings.HasPrefix(address, "data.") || strings.Contains(address, ".data.") {
			continue
		}
		if n[address]++; n[address] == 1 {
			out = append(out, address)
		}
	}
	for i, address := range out {
		if n[address] > 1 {
			out[i] += fmt.Sprintf(" (%d)", n[address])
		}
	}
	return out
}

// binary finds the program that is meant; without one terraform, or OpenTofu where there is
// none.
func (d *Driver) binary() (string, error) {
	names := []string{"terraform", "tofu"}
	if d.Program != "" {
		names = []string{d.Program}
	}
	for _, name := range names {
		dirs := filepath.SplitList(cmp.Or(d.Env["PATH"], os.Getenv("PATH")))
		if filepath.IsAbs(name) {
			dirs = []string{"/"}
		}
		for _, dir := range dirs {
			file := filepath.Join(dir, name)
			if info, err := os.Stat(file); err == nil && !info.IsDir() && info.Mode().Perm()&0o111 != 0 {
				return file, nil
			}
		}
	}
	if d.Program != "" {
		return "", pave.Errorf(pave.Unavailable, "PAVE_TERRAFORM: %s is not on this machine", d.Program).
			WithHint("install it where every user finds it, or unset PAVE_TERRAFORM and start the server anew: pave down, pave up")
	}
	return "", pave.Errorf(pave.Unavailable, "neither terraform nor tofu is on this machine").
		WithHint("install terraform or OpenTofu where every user finds it, then pave retry or the same command; pave unbind ENV %s does without", d.Kind)
}

func diskError(err error) error {
	var known *pave.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return pave.Errorf(pave.Unavailable, "the working folder of terraform: %w", err).WithHint("pave doctor")
}
