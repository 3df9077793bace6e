package server

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path"
	"strings"
	"time"

	"github.com/pave-platform/pave"
)

// ServeStatic serves the files of a folder at HOST and PORT until ctx ends: what a
// service of plain files runs. Of several folders the first with an index.html is
// taken.
func ServeStatic(ctx context.Context, folders []string) error {
	root, err := siteRoot(folders)
	if err != nil {
		return err
	}
	defer root.Close()
	port := os.Getenv("PORT")
	if port == "" {
		return pave.Errorf(pave.Invalid, "PORT is not set").WithHint("PORT=8080 pave static %s", strings.Join(folders, " "))
	}
	address := net.JoinHostPort(or(os.Getenv("HOST"), "127.0.0.1"), port)
	l, err := net.Listen("tcp", address)
	if err != nil {
		return pave.Errorf(pave.Unavailable, "cannot listen on %s: %w", address, err).WithHint("choose another PORT")
	}
	srv := &http.Server{Handler: site{root.FS()}, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 5 * time.Minute,
		IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	bye, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer stop()
	return ignoreDeadline(srv.Shutdown(bye))
}

// siteRoot opens the folder; links in it lead nowhere outside.
func siteRoot(folders []string) (*os.Root, error) {
	for _, dir := range folders {
		root, err := os.OpenRoot(dir)
		if err != nil {
			continue
		}
		if info, err := root.Stat("index.html"); err == nil && info.Mode().IsRegular() {
			return root, nil
		}
		root.Close()
	}
	return nil, pave.Errorf(pave.NotFound, "no index.html in %s", strings.Join(folders, ", ")).
		WithHint("let the build write one of these folders, or name another one: --command 'pave static FOLDER'")
}

// site answers with files. It lists no folders and shows no hidden file. A page it
// does not have is 404.html where there is one; an address without an ending in a
// site of one page is that page, which routes by itself.
type site struct{ files fs.FS }

func (s site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	if hidden(name) || !fs.ValidPath(or(name, ".")) {
		s.missing(w, r, name)
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	for _, try := range []string{name, path.Join(name, "index.html"), name + ".html"} {
		if try == "" || !s.isFile(try) {
			continue
		}
		if try != name && path.Base(try) == "index.html" && name != "" && !strings.HasSuffix(r.URL.Path, "/") {
			http.Redirect(w, r, "/"+name+"/", http.StatusMovedPermanently) // relative links count from here
			return
		}
		s.send(w, r, try)
		return
	}
	s.missing(w, r, name)
}

func (s site) isFile(name string) bool {
	info, err := fs.Stat(s.files, name)
	return err == nil && info.Mode().IsRegular()
}

// hidden reports whether a part of the path begins with a dot; .well-known does
// not count.
func hidden(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") && part != ".well-known" {
			return true
		}
	}
	return false
}

func (s site) send(w http.ResponseWriter, r *http.Request, name string) {
	if strings.HasSuffix(name, ".html") {
		w.Header().Set("Cache-Control", "no-cache")
	}
	f, err := s.files.Open(name)
	if err != nil {
		http.Error(w, "not readable", http.StatusForbidden)
		return
	}
	defer f.Close()
	info, err := f.Stat()
	content, ok := f.(io.ReadSeeker)
	if err != nil || !ok {
		http.Error(w, "not readable", http.StatusForbidden)
		return
	}
	http.ServeContent(w, r, name, info.ModTime(), content)
}

func (s site) missing(w http.ResponseWriter, r *http.Request, name string) {
	page, err := fs.ReadFile(s.files, "404.html")
	switch {
	case err == nil:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusNotFound)
		if r.Method == http.MethodGet {
			_, _ = w.Write(page)
		}
	case errors.Is(err, fs.ErrNotExist) && !hidden(name) && path.Ext(name) == "" && strings.Contains(r.Header.Get("Accept"), "text/html"):
		s.send(w, r, "index.html")
	default:
		http.Error(w, "not found", http.StatusNotFound)
	}
}
