// Package hostile_test sends a server what nobody means well: each case is refused
// with a problem that says what is wrong, soon, and the server goes on.
package hostile_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave/test/world"
)

func TestMain(m *testing.M) { world.Main(m) }

// maxGrowth is how much more memory the server may have after all of it, in KiB.
const maxGrowth = 256 << 10

// An attack is one request. It is to be refused (4xx), or with harmless only to do no
// harm: no 5xx.
type attack struct {
	name           string
	method, target string
	body           []byte
	header         map[string]string
	harmless       bool
}

func TestHostile(t *testing.T) {
	h := world.New(t)
	before, pid := memory(t, h), h.Stat().PID
	groups := corpus(h)
	n := 0
	for group, attacks := range groups {
		n += len(attacks)
		t.Run(group, func(t *testing.T) {
			for _, a := range attacks {
				a.try(t, h)
			}
		})
	}
	t.Logf("%d cases", n)
	if n < 200 {
		t.Errorf("%d cases", n)
	}
	if now := h.Stat().PID; now != pid {
		t.Errorf("the server died: %d, then %d", pid, now)
	}
	if now := memory(t, h); now-before > maxGrowth {
		t.Errorf("the server grew from %d to %d KiB", before, now)
	}
	if err := h.Call("GET", "/v1/whoami", nil, nil); err != nil {
		t.Errorf("the server serves no more: %v", err)
	}
}

// memory is the most that the server ever had.
func memory(t *testing.T, h *world.Home) int {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.Stat().PID))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if text, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(text), " kB"))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	return 0
}

// try sends an attack over a connection of its own: clients mend what is hostile.
func (a attack) try(t *testing.T, h *world.Home) {
	t.Helper()
	begin := time.Now()
	resp, body, err := a.send(h)
	took := time.Since(begin)
	if err != nil {
		t.Errorf("%s: %v", a.name, err)
		return
	}
	if took > 5*time.Second {
		t.Errorf("%s: took %s", a.name, took)
	}
	library := resp.Header.Get("X-Request-Id") == "" // what is no HTTP is refused before it is ours
	refused := resp.StatusCode >= 400 && resp.StatusCode < 500 || library && resp.StatusCode == http.StatusNotImplemented
	if !refused && (!a.harmless || resp.StatusCode >= 500) {
		t.Errorf("%s: %d %.200q", a.name, resp.StatusCode, body)
		return
	}
	if bytes.ContainsFunc(body, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' && r != '\r' }) && refused {
		t.Errorf("%s: the answer holds control characters: %.200q", a.name, body)
	}
	if resp.Header.Get("Set-Cookie") != "" || resp.Header.Get("X-Evil") != "" {
		t.Errorf("%s: a header was let in: %v", a.name, resp.Header)
	}
	if !refused || library {
		return
	}
	var p struct{ Detail, Code string }
	if resp.Header.Get("Content-Type") != "application/problem+json" || json.Unmarshal(body, &p) != nil || p.Detail == "" || p.Code == "" {
		t.Errorf("%s: %d %s %.200q is no problem", a.name, resp.StatusCode, resp.Header.Get("Content-Type"), body)
	}
}

func (a attack) send(h *world.Home) (*http.Response, []byte, error) {
	address := strings.TrimPrefix(h.Stat().URL, "http://")
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second)) // it is open
	header := map[string]string{"Host": address, "Authorization": "Bearer " + h.Stat().Token, "Connection": "close", "Content-Type": "application/json",
		"Content-Length": strconv.Itoa(len(a.body))}
	for k, v := range a.header {
		header[k] = v
	}
	var head bytes.Buffer
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\n", a.method, a.target)
	for k, v := range header {
		if v != "" {
			fmt.Fprintf(&head, "%s: %s\r\n", k, v)
		}
	}
	head.WriteString("\r\n")
	go func() { // the answer may come before all of it was sent
		_, _ = conn.Write(append(head.Bytes(), a.body...))
	}()
	resp, err := http.ReadResponse(newReader(conn), &http.Request{Method: a.method})
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	return resp, body, err
}
