package template

import (
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/pave-platform/pave"
)

// A Source is a place with templates, each in a folder of its own. A folder on
// disk (Dir) is read again at each Reload, and nothing outside of it is; a file
// system (FS), such as an embedded one, is read once; what has neither is Served.
type Source struct {
	Name string // for errors and logs
	FS   fs.FS
	Dir  string
}

// A Broken is a folder whose template cannot be loaded.
type Broken struct {
	Source  string
	Folder  string // empty: the source as a whole
	Err     error
	Serving string // version of the template that serves in its place, or empty
}

// A Set serves templates by name and alias. Where several sources have one of the
// same name, the last source wins. It may be used by many at the same time.
type Set struct {
	logger  *slog.Logger
	sources []Source

	reload sync.Mutex // one Reload at a time
	mu     sync.RWMutex
	loaded map[folder]*Template
	broken map[folder]error
	byName map[string]*Template
}

type folder struct {
	source int
	name   string
}

// NewSet returns a set that serves what can be loaded now; see Errors for the rest.
func NewSet(logger *slog.Logger, sources ...Source) *Set {
	s := &Set{logger: logger, sources: sources}
	s.Reload()
	return s
}

// Serve puts templates, by folder, in the place of those that a source of this name
// had; the source is made if there is none. A folder that is broken goes on serving
// what it had.
func (s *Set) Serve(source string, loaded map[string]*Template, broken map[string]error) {
	s.reload.Lock()
	defer s.reload.Unlock()
	at := slices.IndexFunc(s.sources, func(src Source) bool { return src.Name == source })
	if at < 0 {
		at = len(s.sources)
		s.mu.Lock()
		s.sources = append(s.sources, Source{Name: source})
		s.mu.Unlock()
	}
	all, wrong := map[folder]*Template{}, map[folder]error{}
	for i := range s.sources {
		if i != at {
			s.keep(i, all, wrong)
		}
	}
	for name, t := range loaded {
		all[folder{at, name}] = t
	}
	for name, err := range broken {
		f := folder{at, name}
		wrong[f] = err
		if old, ok := s.loaded[f]; ok && loaded[name] == nil {
			all[f] = old
		}
	}
	s.publish(all, wrong)
}

// Reload reads the folders on disk again. A template that is broken now goes on
// serving as it was; one whose folder is gone is gone.
func (s *Set) Reload() {
	s.reload.Lock()
	defer s.reload.Unlock()
	loaded, broken := map[folder]*Template{}, map[folder]error{}
	for i, src := range s.sources {
		if src.Dir == "" && s.loaded != nil {
			s.keep(i, loaded, broken)
			continue
		}
		s.read(i, src, loaded, broken)
	}
	s.publish(loaded, broken)
}

// publish makes templates the ones that serve.
func (s *Set) publish(loaded map[folder]*Template, broken map[folder]error) {
	for f, err := range broken {
		if old, had := s.broken[f]; !had || old.Error() != err.Error() {
			s.logger.Warn("template is broken", "source", s.sources[f.source].Name, "folder", f.name, "error", err)
		}
	}
	names, taken := s.index(loaded)
	maps.Copy(broken, taken)
	s.mu.Lock()
	s.loaded, s.broken, s.byName = loaded, broken, names
	s.mu.Unlock()
}

// keep takes over what is there of a source.
func (s *Set) keep(source int, loaded map[folder]*Template, broken map[folder]error) {
	for f, t := range s.loaded {
		if f.source == source {
			loaded[f] = t
		}
	}
	for f, err := range s.broken {
		if f.source == source {
			broken[f] = err
		}
	}
}

// read loads the folders of a source. A source that cannot be listed keeps all it
// had.
func (s *Set) read(i int, src Source, loaded map[folder]*Template, broken map[folder]error) {
	fsys := src.FS
	if src.Dir != "" {
		root, err := os.OpenRoot(src.Dir)
		if err != nil {
			s.keep(i, loaded, broken)
			broken[folder{i, ""}] = pave.Errorf(pave.Unavailable, "opening folder of templates: %w", err)
			return
		}
		defer root.Close()
		fsys = root.FS()
	}
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		s.keep(i, loaded, broken)
		broken[folder{i, ""}] = pave.Errorf(pave.Unavailable, "listing templates: %w", err)
		return
	}
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		f := folder{i, e.Name()}
		sub, err := fs.Sub(fsys, e.Name())
		if err == nil {
			loaded[f], err = loadNamed(sub, Unnamed{Name: e.Name()})
		}
		if err == nil {
			continue
		}
		broken[f] = err
		delete(loaded, f)
		if old, ok := s.loaded[f]; ok {
			loaded[f] = old
		}
	}
}

// index gives each name to a template: names before aliases, later sources before
// earlier ones. What is left without its name within one source is broken.
func (s *Set) index(loaded map[folder]*Template) (map[string]*Template, map[folder]error) {
	names, taken := map[string]*Template{}, map[folder]error{}
	owner := map[string]folder{}
	folders := slices.SortedFunc(maps.Keys(loaded), func(a, b folder) int {
		if a.source != b.source {
			return b.source - a.source
		}
		return strings.Compare(a.name, b.name)
	})
	claim := func(f folder, name string) {
		first, isTaken := owner[name]
		if !isTaken {
			names[name], owner[name] = loaded[f], f
			return
		}
		if first != f && first.source == f.source {
			taken[f] = pave.Errorf(pave.Conflict, "the name %q is already taken by the folder %q", name, first.name)
		}
	}
	for _, f := range folders {
		claim(f, loaded[f].Name)
	}
	for _, f := range folders {
		if names[loaded[f].Name] != loaded[f] {
			continue // hidden by another source
		}
		for _, alias := range loaded[f].Aliases {
			claim(f, alias)
		}
	}
	return names, taken
}

// Get returns the template of that name or alias. The error is Invalid.
func (s *Set) Get(name string) (*Template, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if t, ok := s.byName[name]; ok {
		return t, nil
	}
	all := slices.Sorted(maps.Keys(s.byName))
	hint := "pave list templates shows all templates"
	if near := pave.DidYouMean(name, all); near != "" {
		hint = fmt.Sprintf("did you mean %q? %s", near, hint)
	}
	for f, err := range s.broken {
		if f.name == name {
			hint = "it is there, but broken: " + err.Error()
		}
	}
	return nil, pave.BadField("template", name, "is not a template", hint)
}

// List returns the templates that serve, by name.
func (s *Set) List() []*Template {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []*Template
	for name, t := range s.byName {
		if name == t.Name {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b *Template) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Source is the name of the source a template of List came from.
func (s *Set) Source(t *Template) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for f, loaded := range s.loaded {
		if loaded == t {
			return s.sources[f.source].Name
		}
	}
	return ""
}

// Errors returns what is broken, by source and folder.
func (s *Set) Errors() []Broken {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []Broken
	for f, err := range s.broken {
		b := Broken{Source: s.sources[f.source].Name, Folder: f.name, Err: err}
		if t := s.loaded[f]; t != nil && s.byName[t.Name] == t {
			b.Serving = t.Version
		}
		out = append(out, b)
	}
	slices.SortFunc(out, func(a, b Broken) int {
		return strings.Compare(a.Source+"\x00"+a.Folder, b.Source+"\x00"+b.Folder)
	})
	return out
}
