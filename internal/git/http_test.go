package git

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
)

// A host is a server with one repository, pay: reader may read it, writer may
// write it too, nobody else may do anything.
type host struct {
	repo  string // folder
	hooks string
	url   string // with writer's credentials
	base  string // without
}

func serve(t *testing.T) *host {
	t.Helper()
	h := &host{hooks: t.TempDir()}
	r := sample()
	r.HooksPath = h.hooks
	h.repo, _ = create(t, r)
	handler := NewHandler(slog.New(slog.NewTextHandler(t.Output(), nil)), Hooks{
		Authorize: func(r *http.Request, _ string, write bool) (string, error) {
			user, password, _ := r.BasicAuth()
			switch {
			case user == "writer" && password == "token", user == "reader" && password == "token" && !write:
				return user, nil
			case user == "reader" && password == "token":
				return user, pave.Errorf(pave.Denied, "reader may not write")
			}
			return "", pave.Errorf(pave.Denied, "sign in first").WithHint("pave clone pay")
		},
		Open: func(_ context.Context, name string) (string, error) {
			if name != "pay" {
				return "", pave.Errorf(pave.NotFound, "no repository %s", name)
			}
			return h.repo, nil
		},
		Env: func(_ *http.Request, repo, user string) []string {
			return []string{"PAVE_PUSH=" + repo + " by " + user}
		},
	})
	handler.maxAsk = 1 << 20
	server := httptest.NewServer(http.StripPrefix("/git", handler))
	t.Cleanup(server.Close)
	h.base = server.URL + "/git/pay.git"
	h.url = strings.Replace(h.base, "http://", "http://writer:token@", 1)
	return h
}

func (h *host) hook(t *testing.T, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(h.hooks, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
}

func (h *host) head(t *testing.T) string {
	t.Helper()
	head, err := Head(h.repo, MainBranch)
	if err != nil {
		t.Fatal(err)
	}
	return head
}

// commit adds a file with random bytes.
func commit(t *testing.T, work, name string, size int) {
	t.Helper()
	data := make([]byte, size)
	rand.Read(data)
	if err := os.WriteFile(filepath.Join(work, name), data, 0o644); err != nil {
		t.Fatal(err)
	}
	must(t, work, "-c", "core.compression=0", "add", name)
	must(t, work, "commit", "-qm", "add "+name)
}

func TestServe(t *testing.T) {
	t.Parallel()
	h := serve(t)
	h.hook(t, "post-receive", `read old new ref; echo "pave: $PAVE_PUSH to $ref as $REMOTE_USER $GIT_PUSH_OPTION_COUNT"`)
	work, other := t.TempDir(), t.TempDir()
	must(t, work, "clone", "-q", h.url, ".")
	must(t, other, "clone", "-q", "-c", "protocol.version=0", h.url, ".")

	commit(t, work, "small", 10)
	if out := must(t, work, "push", "origin", "main"); !strings.Contains(out, "remote: pave: pay by writer to refs/heads/main as writer") {
		t.Errorf("the lines of the hook are not in:\n%s", out)
	}
	if h.head(t) != strings.TrimSpace(must(t, work, "rev-parse", "HEAD")) {
		t.Error("the push changed nothing")
	}
	must(t, other, "pull", "-q")
	must(t, other, "checkout", "-qb", "feature/x")
	commit(t, other, "large", 50<<20)
	must(t, other, "-c", "core.compression=0", "push", "-q", "origin", "HEAD:refs/heads/feature/x")
	if out := must(t, h.repo, "ls-tree", "-l", "feature/x", "large"); !strings.Contains(out, fmt.Sprint(50<<20)) {
		t.Errorf("got %q, want 50 MiB", out)
	}
	must(t, other, "checkout", "-q", "main")
	commit(t, other, "medium", 2<<20)
	must(t, other, "push", "-q", "origin", "main")
	must(t, work, "fetch", "-q", "origin", "main")
	if got := strings.TrimSpace(must(t, work, "rev-parse", "FETCH_HEAD")); got != h.head(t) {
		t.Errorf("fetched %s, want %s", got, h.head(t))
	}
	shallow := t.TempDir()
	must(t, shallow, "clone", "-q", "--depth=1", "--single-branch", h.url, ".")
	if n := strings.TrimSpace(must(t, shallow, "rev-list", "--count", "HEAD")); n != "1" {
		t.Errorf("a shallow clone has %s commits, want 1", n)
	}
	must(t, work, "push", "-q", "origin", ":refs/heads/feature/x")
	if out, err := client(t, work, "push", "-o", "ci.skip", "origin", "main:refs/heads/optional"); err == nil {
		t.Errorf("push options were taken:\n%s", out)
	}
}

func TestServeRefusesPushes(t *testing.T) {
	t.Parallel()
	h := serve(t)
	h.hook(t, "pre-receive", "echo 'policy: no secrets'; exit 1")
	work := t.TempDir()
	must(t, work, "clone", "-q", h.url, ".")
	commit(t, work, "x", 10)
	before := h.head(t)
	if out, err := client(t, work, "push", "origin", "main"); err == nil || !strings.Contains(out, "remote: policy: no secrets") {
		t.Errorf("got %v, want the hook's refusal:\n%s", err, out)
	}
	h.hook(t, "pre-receive", "exit 0")
	if _, err := client(t, work, "push", "origin", ":main"); err == nil {
		t.Error("the main branch was deleted")
	}
	if h.head(t) != before {
		t.Error("a refused push changed the repository")
	}
}

func TestServeAccess(t *testing.T) {
	t.Parallel()
	h := serve(t)
	reader := strings.Replace(h.base, "http://", "http://reader:token@", 1)
	wrong := strings.Replace(h.base, "http://", "http://writer:guess@", 1)
	work := t.TempDir()
	must(t, work, "clone", "-q", reader, ".")
	commit(t, work, "x", 10)
	before := h.head(t)
	for _, c := range []struct{ reason, url, want string }{
		{"no token", h.base, "could not read Username"},
		{"wrong token", wrong, "Authentication failed"},
		{"a reader's token", reader, "reader may not write"},
	} {
		if out, err := client(t, work, "push", c.url, "main"); err == nil || !strings.Contains(out, c.want) {
			t.Errorf("push with %s: got %v, want %q:\n%s", c.reason, err, c.want, out)
		}
		if c.url == reader {
			continue
		}
		if out, err := client(t, work, "ls-remote", c.url); err == nil || !strings.Contains(out, c.want) {
			t.Errorf("fetch with %s: got %v, want %q:\n%s", c.reason, err, c.want, out)
		}
	}
	if h.head(t) != before {
		t.Error("a refused push changed the repository")
	}
}

// The permission follows from what is executed, however it is asked for; files of
// the repository are not served.
func TestServeVerbs(t *testing.T) {
	t.Parallel()
	h := serve(t)
	push, fetch := "application/x-git-receive-pack-request", "application/x-git-upload-pack-request"
	for _, c := range []struct {
		reason, user, method, path, kind string
		status                           int
	}{
		{"a read names itself", "reader", "GET", "/info/refs?service=git-upload-pack", "", 200},
		{"a write needs a writer", "reader", "GET", "/info/refs?service=git-receive-pack", "", 403},
		{"the first of two services counts", "reader", "GET", "/info/refs?service=git-receive-pack&service=git-upload-pack", "", 403},
		{"a service beside the path means nothing", "reader", "POST", "/git-receive-pack?service=git-upload-pack", push, 403},
		{"nor does the content type", "reader", "POST", "/git-receive-pack", fetch, 400},
		{"nor a form", "reader", "POST", "/git-receive-pack", "application/x-www-form-urlencoded", 400},
		{"the body of a push is no fetch", "reader", "POST", "/git-upload-pack", push, 400},
		{"no service, no files", "reader", "GET", "/info/refs", "", 404},
		{"no third command", "writer", "GET", "/info/refs?service=git-upload-archive", "", 404},
		{"no option as command", "writer", "GET", "/info/refs?service=git---exec-path", "", 404},
		{"no other command", "writer", "POST", "/git-upload-archive", "application/x-git-upload-archive-request", 404},
		{"no command without its name", "writer", "POST", "/upload-pack", fetch, 404},
		{"a push is no GET", "writer", "GET", "/git-receive-pack", "", 404},
		{"refs are no POST", "writer", "POST", "/info/refs?service=git-upload-pack", "", 404},
		{"no files", "writer", "GET", "/HEAD", "", 404},
		{"no configuration", "writer", "GET", "/config", "", 404},
		{"no way up", "writer", "GET", "/../other.git/info/refs?service=git-upload-pack", "", 404},
		{"no hidden way up", "writer", "GET", "/..%2f..%2finfo/refs?service=git-upload-pack", "", 404},
		{"unknown callers are asked", "", "GET", "/info/refs?service=git-upload-pack", "", 401},
		{"also before they learn what is there", "", "GET", "x.git/info/refs?service=git-upload-pack", "", 401},
		{"what is not there is not there", "writer", "GET", "x.git/info/refs?service=git-upload-pack", "", 404},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, h.base+c.path, strings.NewReader("0000"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(c.path, "x.git") {
			r.URL.Path = "/git/nope.git/info/refs"
		}
		if c.kind != "" {
			r.Header.Set("Content-Type", c.kind)
		}
		if c.user != "" {
			r.SetBasicAuth(c.user, "token")
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != c.status {
			t.Errorf("%s: got %d %.200s, want %d", c.reason, res.StatusCode, body, c.status)
		}
		if asked := strings.HasPrefix(res.Header.Get("WWW-Authenticate"), "Basic "); asked != (c.status == 401) {
			t.Errorf("%s: asked for credentials: %v", c.reason, asked)
		}
	}
}

// A fetch may be packed, and one that unpacks to too much ends.
func TestServeGzip(t *testing.T) {
	t.Parallel()
	h := serve(t)
	post := func(body io.Reader, encoding string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "POST", h.base+"/git-upload-pack", body)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("reader", "token")
		r.Header.Set("Content-Type", "application/x-git-upload-pack-request")
		r.Header.Set("Content-Encoding", encoding)
		r.Header.Set("Git-Protocol", "version=2")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		out, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20))
		return res.StatusCode, string(out)
	}
	packed := func(s string, times int) io.Reader {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		for range times {
			io.WriteString(z, s)
		}
		z.Close()
		return &b
	}
	const list = "0014command=ls-refs\n0000"
	if status, out := post(packed(list, 1), "gzip"); status != 200 || !strings.Contains(out, "refs/heads/main") {
		t.Errorf("got %d %q, want the refs", status, out)
	}
	if status, _ := post(strings.NewReader("not gzip"), "gzip"); status != 400 {
		t.Errorf("got %d for what is not gzip, want 400", status)
	}
	if status, _ := post(strings.NewReader(""), "br"); status != 400 {
		t.Errorf("got %d for an unknown encoding, want 400", status)
	}
	var haves strings.Builder
	for i := range 1 << 10 {
		fmt.Fprintf(&haves, "0032have %040x\n", i)
	}
	fetch := "0012command=fetch\n0001" + haves.String()
	if status, out := post(packed(fetch+"0000", 1), "gzip"); status != 200 {
		t.Errorf("got %d %q for a fetch with many commits, want 200", status, out)
	}
	// The same many times over is a few kilobytes on the wire and more than allowed here.
	bomb := io.MultiReader(packed(fetch, 1), packed(haves.String(), 1<<20/haves.Len()+1), packed("0000", 1))
	if status, out := post(bomb, "gzip"); status != 500 {
		t.Errorf("got %d %q for a bomb, want 500", status, out)
	}
}

// Lines of a hook arrive when they are written, and a client that goes away takes
// git with it.
func TestServeStreams(t *testing.T) {
	t.Parallel()
	h := serve(t)
	done := filepath.Join(t.TempDir(), "done")
	h.hook(t, "post-receive", "echo first; sleep 3; echo x >"+done)
	work := t.TempDir()
	must(t, work, "clone", "-q", h.url, ".")
	old := h.head(t)

	must(t, work, "push", "-q", "origin", "main:refs/heads/gone")
	if err := os.Remove(done); err != nil {
		t.Fatalf("the hook did not run to its end: %v", err)
	}

	// A push by hand, to break it off: to delete a branch needs no pack.
	ctx, cancel := context.WithCancel(t.Context())
	line := fmt.Sprintf("%s %s refs/heads/gone\x00report-status side-band-64k delete-refs", old, strings.Repeat("0", 40))
	r, err := http.NewRequestWithContext(ctx, "POST", h.base+"/git-receive-pack", strings.NewReader(fmt.Sprintf("%04x%s0000", len(line)+4, line)))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("writer", "token")
	r.Header.Set("Content-Type", "application/x-git-receive-pack-request")
	start := time.Now()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var got []byte
	for buf := make([]byte, 100); !bytes.Contains(got, []byte("first\n")); {
		n, err := res.Body.Read(buf)
		if got = append(got, buf[:n]...); err != nil {
			t.Fatalf("got %q, %v, want the first line", got, err)
		}
	}
	if took := time.Since(start); took > 2500*time.Millisecond {
		t.Errorf("the first line took %s", took)
	}
	cancel()
	time.Sleep(4 * time.Second)
	if _, err := os.Stat(done); err == nil {
		t.Error("the hook lived on without its client")
	}
}
