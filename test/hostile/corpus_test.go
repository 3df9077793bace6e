package hostile_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/pave-platform/pave/test/world"
)

func newReader(r io.Reader) *bufio.Reader { return bufio.NewReader(r) }

// names are what no service, team, user, template or environment is called.
var names = []string{"", "..", ".", ".git", "../../etc/passwd", "-h", "--exec=x", "a b", "A", "a\x00b", "a\r\nSet-Cookie: x=1", "a\nb", "\u202egnp", "p\u0430yment",
	"cafe\u0301", "ｆｕｌｌ", "😀", "a.", "a ", " a", "a/b", "a\\b", ";$(x)", "' or 1=1 --", "*)(uid=*", "a_b", "1a", "a--" + strings.Repeat("b", 60), strings.Repeat("a", 41),
	"\x1b[31ma", "\x1b]52;c;eA==\x07", "${jndi:x}", "{{7*7}}", "<script>", "%2e%2e", "~root", "a:b", "a@b", "a?b", "a#b", "CON\u0000"}

// addresses lead where a server must not go.
var addresses = []string{"http://127.0.0.1/", "http://localhost/", "http://LOCALHOST./", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://0/", "http://0.0.0.0/", "http://2130706433/",
	"http://0x7f000001/", "http://0177.0.0.1/", "http://127.1/", "http://169.254.169.254/latest/meta-data/", "http://metadata.google.internal/", "http://[fe80::1%25lo]/", "http://10.0.0.1/",
	"http://172.16.0.1/", "http://192.168.0.1/", "http://100.64.0.1/", "http://[fd00::1]/", "http://[64:ff9b::7f00:1]/", "file:///etc/passwd", "gopher://127.0.0.1/", "unix:///run/x.sock",
	"ext::sh -c id", "javascript:alert(1)", "data:text/plain,x", "http://user:pass@127.0.0.1/", "http://127.0.0.1\r\nX-Evil: 1/", "http://", "//127.0.0.1/", "http:127.0.0.1", "--upload-pack=id",
	"http://x.localhost/", "http://printer.local/", "http://h\u0000st/", "https://" + strings.Repeat("a", 3000)}

// bodies are not what a program would send.
var bodies = map[string]string{"nothing": "", "null": "null", "list": "[]", "text": `"x"`, "number": "1e400", "half": `{"verb":"deploy"`, "NaN": `{"verb":NaN}`, "comment": `{"verb":"deploy"/**/}`,
	"byte order mark": "\ufeff{}", "invalid UTF-8": "{\"verb\":\"\xff\"}", "two values": `{"verb":"deploy","spec":{"name":"a"}}{"verb":"undo"}`, "a name twice": `{"verb":"deploy","verb":"delete service","spec":{"name":"a"}}`,
	"deep lists": strings.Repeat("[", 100_000), "deep objects": strings.Repeat(`{"a":`, 100_000), "deep, whole": strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
	"many names": manyNames(40_000), "wrong types": `{"verb":1,"spec":[]}`, "unknown verb": `{"verb":"rm -rf /","spec":{}}`, "unknown member": `{"verb":"deploy","spec":{"name":"a","__proto__":{}}}`,
	"huge number": `{"verb":"scale","spec":{"service":"a","replicas":1e400}}`, "overflow": `{"verb":"scale","spec":{"service":"a","replicas":99999999999999999999999}}`, "negative": `{"verb":"scale","spec":{"service":"a","replicas":-1}}`,
	"too large": strings.Repeat(" ", 2<<20), "surrogates": `{"verb":"\ud800","spec":{}}`, "YAML": "verb: deploy\nspec: {name: a}", "XML": "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>"}

func manyNames(n int) string {
	var b strings.Builder
	b.WriteString(`{"verb":"deploy","spec":{`)
	for i := range n {
		fmt.Fprintf(&b, `"k%d":1,`, i)
	}
	return b.String() + `"name":"a"}}`
}

func corpus(h *world.Home) map[string][]attack {
	return map[string][]attack{"names": nameAttacks(), "bodies": bodyAttacks(), "addresses": addressAttacks(), "tokens": tokenAttacks(h),
		"origins": originAttacks(), "paths": pathAttacks(), "queries": queryAttacks(), "git": gitAttacks(), "archives": archiveAttacks(), "headers": headerAttacks()}
}

func object(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

func nameAttacks() (out []attack) {
	for _, n := range names {
		say := fmt.Sprintf("%.30q", n)
		out = append(out,
			attack{name: "service " + say, method: "POST", target: "/v1/services", body: object(map[string]any{"name": n, "team": "web", "template": "fixture"})},
			attack{name: "team " + say, method: "POST", target: "/v1/services", body: object(map[string]any{"name": "good", "team": n, "template": "fixture"})},
			attack{name: "read " + say, method: "GET", target: "/v1/services/" + url.PathEscape(n) + "/status"})
	}
	for _, n := range names[:16] {
		say := fmt.Sprintf("%.30q", n)
		out = append(out, attack{name: "template " + say, method: "POST", target: "/v1/services", body: object(map[string]any{"name": "good", "team": "web", "template": n + "/"})},
			attack{name: "environment " + say, method: "POST", target: "/v1/services", body: object(map[string]any{"name": "good", "team": "web", "template": "fixture", "environments": []string{n}})})
		if n != "." && n != ".." {
			out = append(out, attack{name: "user " + say, method: "POST", target: "/v1/invitations", body: object(map[string]any{"name": "X" + n})})
		}
	}
	return out
}

func bodyAttacks() (out []attack) {
	for what, b := range bodies {
		out = append(out, attack{name: "plan, " + what, method: "POST", target: "/v1/plans", body: []byte(b)},
			attack{name: "create, " + what, method: "POST", target: "/v1/services", body: []byte(b)})
	}
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "x"} {
		out = append(out, attack{name: "as " + kind, method: "POST", target: "/v1/tokens", body: []byte(`{"name":"x"}`), header: map[string]string{"Content-Type": kind}})
	}
	return out
}

func addressAttacks() (out []attack) {
	for _, a := range addresses {
		say := fmt.Sprintf("%.40q", a)
		out = append(out, attack{name: "webhook " + say, method: "POST", target: "/v1/webhooks", body: object(map[string]any{"url": a, "events": []string{"run.done"}})})
		if len(a) < 2000 {
			out = append(out, attack{name: "templates " + say, method: "POST", target: "/v1/template-sources", body: object(map[string]any{"address": a}), harmless: strings.HasPrefix(a, "--")})
		}
	}
	for _, events := range []any{nil, "run.done", []string{}, []string{"\x1b"}, []string{"run.done,*"}, []int{1}} {
		out = append(out, attack{name: fmt.Sprintf("events %v", events), method: "POST", target: "/v1/webhooks", body: object(map[string]any{"url": "https://example.com/", "events": events})})
	}
	return out
}

func tokenAttacks(h *world.Home) (out []attack) {
	token := h.Stat().Token
	for _, a := range []string{"Bearer", "Bearer ", "Bearer null", "bearer " + token, "Bearer " + token + "x", "Bearer " + token[:len(token)-1], "Bearer pave_", "Bearer pave_" + strings.Repeat("a", 20_000),
		"Basic", "Basic !!!", "Basic " + token, "Digest x", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.", "Bearer ../../keys", "Bearer ' or '1'='1", "Bearer " + strings.ToUpper(token),
		"Bearer  " + token, token, "Bearer pave_" + strings.Repeat(".", 1000)} {
		out = append(out, attack{name: fmt.Sprintf("authorization %.30q", a), method: "GET", target: "/v1/users", header: map[string]string{"Authorization": a}})
	}
	for _, code := range []string{"", "x", strings.Repeat("A", 101), "' or 1=1", "AAAA-AAAA-AAAA-AAAA", "%00"} {
		out = append(out, attack{name: fmt.Sprintf("code %.20q", code), method: "POST", target: "/v1/login", body: object(map[string]string{"code": code})},
			attack{name: fmt.Sprintf("device %.20q", code), method: "POST", target: "/v1/login/devices/token", body: object(map[string]string{"secret": code})})
	}
	return out
}

func originAttacks() (out []attack) {
	plan := object(map[string]any{"verb": "deploy", "spec": map[string]string{"name": "a"}})
	for _, host := range []string{"evil.example", "127.0.0.1.evil.example", "localhost.evil.example:7070", "169.254.169.254", "[::2]", "evil.example@127.0.0.1", "0.0.0.0", "2130706433"} {
		out = append(out, attack{name: "host " + host, method: "GET", target: "/v1/whoami", header: map[string]string{"Host": host}})
	}
	for _, h := range []map[string]string{{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1.evil.example"},
		{"Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"}, {"Origin": "https://evil.example", "X-Forwarded-Host": "evil.example"}} {
		out = append(out, attack{name: fmt.Sprintf("origin %v", h), method: "POST", target: "/v1/plans", body: plan, header: h},
			attack{name: fmt.Sprintf("form of another origin %v", h), method: "POST", target: "/login", body: []byte("code=x&proof=y"), header: h})
	}
	for _, h := range []map[string]string{{"X-Forwarded-User": "root"}, {"X-Remote-User": "root"}, {"Remote-User": "root"}, {"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}} {
		h["Authorization"] = ""
		out = append(out, attack{name: fmt.Sprintf("identity %v", h), method: "GET", target: "/v1/whoami", header: h})
	}
	return out
}

func pathAttacks() (out []attack) {
	for _, p := range []string{"/../etc/passwd", "/v1/../v1/teams", "//v1/teams", "/v1//teams", "/v1/./teams", "/%2e%2e/etc/passwd", "/v1/services/..%2f..%2fetc%2fpasswd", "/v1/services/%00/status", "/v1/services/%ff",
		"/v1/services/a%0d%0aX-Evil:%201", "/v1/runs/..%2f..", "/v1/runs/" + strings.Repeat("a", 10_000), "/v1/plans/' or 1=1", "/v1/teams/", "/v1/teams;x", "/V1/teams", "/v1/teams%2f", "/.git/config", "/.env",
		"/v2/", "/debug/pprof/", "/metrics", "/admin", "/v1", "/login/", "/login/callback/../../v1/teams", "/\\evil.example", "/v1/webhooks/..%2f..", "/v1/webhooks/%1b%5d52"} {
		out = append(out, attack{name: fmt.Sprintf("path %.40q", p), method: "GET", target: strings.ReplaceAll(p, " ", "%20")})
	}
	for _, m := range []string{"TRACE", "CONNECT", "OPTIONS", "PROPFIND", "PATCH", "get", strings.Repeat("A", 200)} {
		out = append(out, attack{name: "method " + fmt.Sprintf("%.20s", m), method: m, target: "/v1/teams"})
	}
	return out
}

func queryAttacks() (out []attack) {
	for _, q := range []string{"limit=-1", "limit=201", "limit=x", "limit=1e9", "cursor=%00", "cursor=!", "cursor=" + strings.Repeat("A", 2000)} {
		out = append(out, attack{name: "teams?" + fmt.Sprintf("%.20s", q), method: "GET", target: "/v1/teams?" + q})
	}
	for _, q := range []string{"after=-1", "after=x", "after=99999999999999999999", "since=x", "actor=" + strings.Repeat("a", 100), "wait=1000"} {
		out = append(out, attack{name: "audit?" + fmt.Sprintf("%.20s", q), method: "GET", target: "/v1/audit?" + q, harmless: q == "wait=1000"})
	}
	for _, q := range []string{"actor=%25", "actor='--", "object=*)(uid=*", "action=(a%2B)%2B$", "object=%1b[2J"} {
		out = append(out, attack{name: "audit?" + q, method: "GET", target: "/v1/audit?" + q, harmless: true})
	}
	return append(out, attack{name: "kind", method: "GET", target: "/v1/runs?kind='"}, attack{name: "stream", method: "GET", target: "/v1/events/stream?after=-1x"},
		attack{name: "tail", method: "GET", target: "/v1/services/none/logs?tail=x"}, attack{name: "a cursor of a log", method: "GET", target: "/v1/runs/run_0000000000/logs?since=AAAA"})
}

func gitAttacks() (out []attack) {
	for _, p := range []string{"/git/../pave.db", "/git/..%2f..%2fpave.db", "/git/none.git/info/refs", "/git/none.git/info/refs?service=git-upload-pack", "/git/none.git/info/refs?service=git-receive-pack",
		"/git/none.git/info/refs?service=--upload-pack=id", "/git/none.git/info/refs?service=git-upload-archive", "/git/none.git/config", "/git/none.git/HEAD", "/git/none.git/objects/info/packs", "/git/-x.git/info/refs?service=git-upload-pack",
		"/git/.git/info/refs?service=git-upload-pack", "/git/a%00.git/info/refs?service=git-upload-pack", "/git/none.git/../../etc/passwd", "/git/", "/git"} {
		out = append(out, attack{name: "git " + p, method: "GET", target: p})
	}
	for _, b := range []string{"", "0000", "zzzz", "ffff", "0001", "0004", strings.Repeat("0", 1<<16), "00a4want " + strings.Repeat("0", 40) + "\x00 agent=\x1b[2J\n", "0014command=ls-refs\n0000"} {
		for _, verb := range []string{"git-upload-pack", "git-receive-pack"} {
			out = append(out, attack{name: fmt.Sprintf("git %s %.20q", verb, b), method: "POST", target: "/git/none.git/" + verb, body: []byte(b), header: map[string]string{"Content-Type": "application/x-" + verb + "-request"}})
		}
	}
	return append(out, attack{name: "git, gzip that is none", method: "POST", target: "/git/none.git/git-upload-pack", body: []byte("x"), header: map[string]string{"Content-Encoding": "gzip", "Content-Type": "application/x-git-upload-pack-request"}})
}

// archive is a zip of one template with further entries.
func archive(entries map[string]string, double ...string) []byte {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	add := func(name, text string) {
		w, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			panic(err)
		}
	}
	if _, own := entries["template.yaml"]; !own {
		add("template.yaml", "name: evil\nversion: \"1\"\ntitle: x\n")
	}
	for n, text := range entries {
		add(n, text)
	}
	for _, n := range double {
		add(n, "x")
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

func archiveAttacks() (out []attack) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'j'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.Repeat(fmt.Sprintf("*%c,", c-1), 9))
	}
	manyKeys := "name: evil\n"
	for i := range 40_000 {
		manyKeys += fmt.Sprintf("k%d: 1\n", i)
	}
	all := map[string][]byte{"nothing": nil, "text": []byte("x"), "cut": archive(nil)[:40], "dotdot": archive(map[string]string{"../evil": "x"}), "absolute": archive(map[string]string{"/etc/evil": "x"}),
		"backslash": archive(map[string]string{`..\evil`: "x"}), "twice": archive(nil, "a", "a"), "git folder": archive(map[string]string{".git/config": "x"}), "bomb": archive(map[string]string{"skeleton/big": strings.Repeat("0", 300<<20)}),
		"deep": archive(map[string]string{strings.Repeat("a/", 5000) + "x": "x"})}
	for what, text := range map[string]string{"aliases": bomb, "deep YAML": strings.Repeat("[", 100_000), "many keys": manyKeys, "keys twice": "name: a\nname: b\n", "documents": strings.Repeat("---\nname: a\n", 10_000), "binary": "name: !!binary AAAA\n",
		"tabs": "name:\n\t- a\n", "not UTF-8": "name: \xff\n", "tag": "name: !!python/object:os.system [id]\n", "infinite": "version: .inf\n", "merge": "<<: *x\nname: a\n", "escape": "name: \"\\e]52;c;eA==\\a\"\n"} {
		all["YAML, "+what] = archive(map[string]string{"template.yaml": text})
	}
	for what, a := range all {
		out = append(out, attack{name: "archive, " + what, method: "POST", target: "/v1/templates", body: a, header: map[string]string{"Content-Type": "application/zip"}})
	}
	return out
}

func headerAttacks() (out []attack) {
	plan := object(map[string]any{"verb": "deploy", "spec": map[string]string{"name": "a"}})
	for _, key := range []string{strings.Repeat("k", 201), "k\u00e9y", "a\tb"} {
		out = append(out, attack{name: fmt.Sprintf("key %.10q", key), method: "POST", target: "/v1/plans", body: plan, header: map[string]string{"Idempotency-Key": key}})
	}
	for k, v := range map[string]string{"If-Match": `"x"`, "Content-Length": "-1", "Transfer-Encoding": "chunked, identity", "Cookie": strings.Repeat("a", 40_000), "Expect": "200-ok", "Host": "a b"} {
		out = append(out, attack{name: "header " + k, method: "POST", target: "/v1/plans", body: plan, header: map[string]string{k: v}})
	}
	for k, v := range map[string]string{"X-Request-Id": "\x1b[2J" + strings.Repeat("a", 500), "Pave-Command": "\x1b]52;c;eA==\x07", "Pave-Invocation": "' or 1=1", "Accept": "*/*;q=x", "Range": "bytes=0-0,0-0", "Last-Event-ID": "x"} {
		out = append(out, attack{name: "odd header " + k, method: "GET", target: "/v1/whoami", header: map[string]string{k: v}, harmless: true})
	}
	return out
}
