package pipeline

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// TestMovedPort runs what Detect makes of programs with a fixed port: they listen at
// PORT, twice at a time, and another port they open stays.
func TestMovedPort(t *testing.T) {
	t.Parallel()
	const serves = "http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(\"moved\")) })"
	goFile := func(body string) *fstest.MapFile {
		return mapFile("package main\n\nimport \"net/http\"\n\nfunc main() {\n\t" + body + "\n}\n")
	}
	cases := map[string]struct {
		reason, program string
		tree            fstest.MapFS
	}{
		"node number": {"listen with a number", "node", fstest.MapFS{packageFile: mapFile(`{"scripts":{"start":"node s.js"}}`),
			"s.js": mapFile("require('http').createServer((q,r)=>r.end('moved')).listen(39117);")}},
		"node object": {"listen with an object", "node", fstest.MapFS{packageFile: mapFile(`{"scripts":{"start":"node s.js"}}`),
			"s.js": mapFile("const port = 39117;\nrequire('http').createServer((q,r)=>r.end('moved')).listen({port, host: '127.0.0.1'});")}},
		"node module": {"a program of modules", "node", fstest.MapFS{packageFile: mapFile(`{"type":"module","scripts":{"start":"node s.js"}}`),
			"s.js": mapFile("import http from 'node:http';\nhttp.createServer((q,r)=>r.end('moved')).listen(39117, '127.0.0.1');")}},
		"python": {"a script, which sees its own name and folder", "python3", fstest.MapFS{"s.py": mapFile("import sys\nfrom http.server import *\nimport beside\n" +
			"class H(BaseHTTPRequestHandler):\n    def do_GET(self):\n        self.send_response(200); self.end_headers(); self.wfile.write(beside.text)\n" +
			"if __name__ == '__main__':\n    assert sys.argv == ['s.py']\n    HTTPServer(('127.0.0.1', 39117), H).serve_forever()\n"), "beside.py": mapFile("text = b'moved'\n")}},
		"go call": {"an address in a call", "go", fstest.MapFS{"go.mod": mapFile("module x\n\ngo 1.24\n"),
			"main.go": goFile(`panic(http.ListenAndServe("127.0.0.1:39117", ` + serves + `))`)}},
		"go field": {"an address in a field", "go", fstest.MapFS{"go.mod": mapFile("module x\n\ngo 1.24\n"),
			"main.go": goFile(`s := http.Server{Addr: ":39117", Handler: ` + serves + "}\n\tpanic(s.ListenAndServe())")}},
		"go variable": {"a port in a variable", "go", fstest.MapFS{"go.mod": mapFile("module x\n\ngo 1.24\n"),
			"main.go": goFile("port := \"39117\"\n\tpanic(http.ListenAndServe(\"localhost:\"+port, " + serves + "))")}},
		"go package": {"in a package of its own", "go", fstest.MapFS{"go.mod": mapFile("module x\n\ngo 1.24\n"),
			"web/web.go":    mapFile("package pages\n\nimport \"net/http\"\n\nfunc Run() error {\n\treturn http.ListenAndServe(\":39117\", " + serves + ")\n}\n"),
			"cmd/x/main.go": mapFile("package main\n\nimport \"x/web\"\n\nfunc main() { panic(pages.Run()) }\n")}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(c.program); err != nil {
				if os.Getenv("CI") != "" {
					t.Fatalf("%s is not installed: make setup-test", c.program)
				}
				t.Skipf("%s is not installed", c.program)
			}
			p, err := Detect(c.tree, Override{})
			if err != nil || p.Port != "moved from 39117" {
				t.Fatalf("%s: port %q, %v", c.reason, p.Port, err)
			}
			dir := t.TempDir()
			if err := os.CopyFS(dir, c.tree); err != nil {
				t.Fatal(err)
			}
			build(t, dir, p)
			for name, f := range c.tree {
				if data, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(data) != string(f.Data) {
					t.Errorf("%s: %s was changed", c.reason, name)
				}
			}
			for range 2 {
				if body := serve(t, dir, p.Command); body != "moved" {
					t.Errorf("%s: got %q", c.reason, body)
				}
			}
		})
	}
}

// build runs the steps that make a program.
func build(t *testing.T, dir string, p Pipeline) {
	t.Helper()
	for _, s := range p.Steps {
		if s.Name != "port" && s.Name != "build" {
			continue
		}
		cmd := exec.Command(s.Run[0], s.Run[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", s.Name, err, out)
		}
	}
}

// serve starts a command with a free PORT and asks it once; it runs to the test's end.
func serve(t *testing.T, dir string, argv []string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	var words []string
	for _, a := range argv {
		if _, value, ok := strings.Cut(a, ":-"); ok && strings.HasSuffix(a, "}") { // as the node does
			name, _, _ := strings.Cut(a, "=")
			a = name + "=" + strings.TrimSuffix(value, "}")
		}
		words = append(words, a)
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir, cmd.Stderr = filepath.Clean(dir), t.Output()
	cmd.Env = append(os.Environ(), fmt.Sprintf("PORT=%d", port))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
		if err != nil {
			continue
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return string(body)
	}
	return "no answer"
}
