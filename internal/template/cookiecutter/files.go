package cookiecutter

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pave-platform/pave"
)

// isDir reports whether an entry is a folder, or a link to one.
func (w *walk) isDir(e fs.DirEntry, p string) (bool, error) {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.IsDir(), nil
	}
	_, info, err := w.t.source.follow(path.Join(w.base, p))
	if err != nil {
		return false, err
	}
	if info.IsDir() {
		w.links[p] = true
	}
	return info.IsDir(), nil
}

// makeFolder makes the folder that p becomes. As in cookiecutter it must be a new
// one: an empty name would mix its files with those around it.
func (w *walk) makeFolder(p string) error {
	to, err := w.name(p)
	if err != nil {
		return err
	}
	if first, ok := w.dirs[to]; ok && first == path.Dir(p) {
		return pave.Errorf(pave.Conflict, "the folder %s gets no name from the answers", p).
			WithHint("a folder cannot be left out in this way; a hook can remove it")
	} else if ok {
		return pave.Errorf(pave.Conflict, "the folders %s and %s both become %q", first, p, to).
			WithHint("give answers that give them different names")
	}
	if f, ok := w.files[to]; ok {
		return pave.Errorf(pave.Conflict, "the folder %s becomes %q, which is a file already", p, f.Path)
	}
	w.mkdir(to, p)
	if w.links[p] {
		w.notes = append(w.notes, p+" is a link to a folder, of which cookiecutter makes an empty folder")
	}
	return nil
}

// mkdir makes a folder and those above it.
func (w *walk) mkdir(to, from string) {
	for ; to != "."; to = path.Dir(to) {
		if _, ok := w.dirs[to]; ok {
			return
		}
		w.dirs[to] = from
	}
}

// copyFolder copies a folder of _copy_without_render, links followed, in place of
// what may be there.
func (w *walk) copyFolder(p string) error {
	to, err := w.name(p)
	if err != nil {
		return err
	}
	if to == "." {
		return pave.Errorf(pave.Invalid, "the folder %s, which is copied, gets no name", p)
	}
	for name := range w.files {
		if strings.HasPrefix(name, to+"/") {
			delete(w.files, name)
		}
	}
	return w.copyTree(path.Join(w.base, p), to, p, 0)
}

func (w *walk) copyTree(at, to, from string, depth int) error {
	if depth > maxDepth {
		return pave.Errorf(pave.Invalid, "%s has folders nested deeper than %d, or a link to a folder around it", from, maxDepth)
	}
	entries, err := w.list(at)
	if err != nil {
		return err
	}
	w.mkdir(to, from)
	for _, e := range entries {
		child, name := path.Join(at, e.Name()), path.Join(to, e.Name())
		_, info, err := w.t.source.follow(child)
		if err != nil {
			return err
		}
		if info.IsDir() {
			err = w.copyTree(child, name, from, depth+1)
		} else {
			err = w.copyFile(child, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// copyFile puts the file at a place of the file system into the result.
func (w *walk) copyFile(at, to string) error {
	data, mode, err := w.read(at)
	if err != nil {
		return err
	}
	return w.put(to, mode, data)
}

// read returns what is at a place of the file system, and its permissions.
func (w *walk) read(at string) ([]byte, fs.FileMode, error) {
	real, info, err := w.t.source.follow(at)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, pave.Errorf(pave.Invalid, "%s is neither a file, a folder nor a link", at)
	}
	data, err := w.t.source.read(real, MaxBytes-w.size)
	return data, info.Mode().Perm(), err
}

func (w *walk) put(to string, mode fs.FileMode, data []byte) error {
	if w.size += int64(len(data)); w.size > MaxBytes {
		return pave.Errorf(pave.Invalid, "the template makes more than %d MiB", MaxBytes>>20)
	}
	if first, ok := w.dirs[to]; ok {
		return pave.Errorf(pave.Conflict, "a file becomes %q, which is the folder that %s becomes", to, first)
	}
	for dir := path.Dir(to); dir != "."; dir = path.Dir(dir) {
		if f, ok := w.files[dir]; ok {
			return pave.Errorf(pave.Conflict, "a file becomes %q, but %q is a file already", to, f.Path)
		}
	}
	w.mkdir(path.Dir(to), to)
	w.files[to] = File{Path: to, Mode: mode, Data: data}
	return nil
}

// file makes the file at p: copied where it is binary or a pattern says so, else
// rendered. One whose name becomes that of a folder is left out, which is how
// templates leave out files.
func (w *walk) file(p string) error {
	to, err := w.name(p)
	if err != nil {
		return err
	}
	copied := w.copied(p)
	if _, isDir := w.dirs[to]; isDir && !copied {
		return nil
	}
	at := path.Join(w.base, p)
	if copied {
		return w.copyFile(at, to)
	}
	data, mode, err := w.read(at)
	if err != nil {
		return err
	}
	if !isBinary(p, data) {
		if data, err = w.fill(at, data); err != nil {
			return err
		}
	}
	return w.put(to, mode, data)
}

// fill renders the text of a file.
func (w *walk) fill(at string, data []byte) ([]byte, error) {
	if !utf8.Valid(data) {
		if slices.ContainsFunc(w.starts, func(s string) bool { return bytes.Contains(data, []byte(s)) }) {
			return nil, pave.Errorf(pave.Invalid, "%s is neither UTF-8 nor binary", at).
				WithHint("save it as UTF-8, or name it in _copy_without_render")
		}
		w.notes = append(w.notes, at+" is not UTF-8, so it is copied as it is")
		return data, nil
	}
	newline := w.newline
	if newline == "" {
		newline = newlineOf(data)
	}
	out, err := w.text(at, oneNewline.Replace(string(data)))
	if err != nil {
		return nil, orCopy(err)
	}
	return []byte(withNewlines(out, newline)), nil
}

// orCopy adds the way out where an error has none: brackets in a file may be those
// of another language.
func orCopy(err error) error {
	var e *pave.Error
	if errors.As(err, &e) && e.Code == pave.Invalid && pave.HintOf(err) == "" {
		return e.WithHint("if the file is not to be rendered, name it in _copy_without_render or put {%% raw %%} and {%% endraw %%} around it")
	}
	return err
}
