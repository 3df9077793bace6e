package cli

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/client"
	"github.com/spf13/cobra"
)

// TestTree: every command explains itself, with examples that parse.
func TestTree(t *testing.T) {
	t.Parallel()
	a := &app{deps: Deps{Getenv: func(string) string { return "" }}}
	root := a.root()
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		for _, child := range c.Commands() {
			walk(child)
		}
		if c.Short == "" || c.Long == "" {
			t.Errorf("%s: no Short or no Long", c.CommandPath())
		}
		if !c.Runnable() { // a topic of help
			return
		}
		if n := len(regexp.MustCompile(`(?m)^  \$ `).FindAllString(c.Example, -1)); n < 2 {
			t.Errorf("%s: %d examples, want at least 2", c.CommandPath(), n)
		}
		if c.Args == nil {
			t.Errorf("%s: arguments are not checked", c.CommandPath())
		}
		for line := range strings.SplitSeq(c.Example, "\n") {
			if args, ok := strings.CutPrefix(line, "  $ pave "); ok && !strings.ContainsAny(args, `|<>&"'`) {
				checkExample(t, root, strings.Fields(args))
			}
		}
	}
	walk(root)
}

func checkExample(t *testing.T, root *cobra.Command, args []string) {
	t.Helper()
	cmd, rest, err := root.Find(joinJSONFlag(args))
	if err != nil {
		t.Errorf("pave %s: %v", strings.Join(args, " "), err)
		return
	}
	cmd.InitDefaultHelpFlag()
	if err := cmd.ParseFlags(rest); err != nil {
		t.Errorf("pave %s: %v", strings.Join(args, " "), err)
	}
	if help, _ := cmd.Flags().GetBool("help"); help {
		return
	}
	if err := cmd.Args(cmd, cmd.Flags().Args()); err != nil {
		t.Errorf("pave %s: %v", strings.Join(args, " "), err)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		args []string
		code int
		says []string
	}{
		"command":      {[]string{"creat", "service"}, 2, []string{`unknown command "creat"`, "did you mean pave create?"}},
		"kind":         {[]string{"list", "servces"}, 2, []string{`unknown kind "servces"`, "did you mean pave list services?"}},
		"flag":         {[]string{"create", "service", "--templat", "x"}, 2, []string{"--templat is not a flag", "did you mean --template?"}},
		"short flag":   {[]string{"list", "services", "-z"}, 2, []string{"-z is not a flag"}},
		"missing":      {append([]string{}, createArgs[:4]...), 2, []string{"--template, --team"}},
		"name":         {[]string{"create", "service", "--name", "../x", "--template", "a", "--team", "B"}, 2, []string{`name "../x" must be`, `team "B" must be`}},
		"argument":     {[]string{"status"}, 2, []string{"needs the name of a service", "for example: pave status"}},
		"too many":     {[]string{"status", "a", "b"}, 2, []string{`does not take "b"`}},
		"service name": {[]string{"status", ".."}, 2, []string{`service ".." is not a name`}},
		"no service":   {[]string{"get", "service", "nothing-here"}, 3, []string{"no service nothing-here"}},
		"no run id":    {[]string{"watch", "x"}, 2, []string{`run "x" is not the id`}},
		"near":         {[]string{"get", "environment", "x"}, 3, []string{`no environment "x"`}},
		"bare json":    {[]string{"list", "services", "--json"}, 2, []string{"id, name, team, template"}},
		"json field":   {[]string{"list", "services", "--json", "nam"}, 2, []string{`no field "nam"`}},
		"jq":           {[]string{"list", "services", "--jq", ".["}, 2, []string{"--jq"}},
		"format":       {[]string{"list", "services", "-o", "xml"}, 2, []string{"wide, yaml, name"}},
		"both":         {[]string{"list", "services", "-o", "yaml", "--json", "name"}, 2, []string{"neither"}},
		"of a service": {[]string{"list", "releases"}, 2, []string{"--service is needed"}},
		"watch a name": {[]string{"watch", "payments"}, 2, []string{"pave list runs --service payments"}},
		"other's flag": {append(append([]string{}, createArgs...), "--set", "a=b"), 2, []string{"did you mean --input?"}},
		"secret shown": {[]string{"set", "secret", "KEY=hush", "--service", "payments"}, 2, []string{"is not an argument", "pave set secret KEY --service payments < FILE"}},
		"no scheme":    {[]string{"login", "127.0.0.1:7070"}, 2, []string{"did you mean http://127.0.0.1:7070?"}},
		"topic":        {[]string{"help", "exit-codez"}, 2, []string{"did you mean pave help exit-codes?"}},
		"on failure":   {append(append([]string{}, createArgs...), "--on-failure", "cry"), 2, []string{"must be stop or undo"}},
		"input":        {append(append([]string{}, createArgs...), "--input", "x"), 2, []string{"KEY=VALUE"}},
		"control":      {[]string{"status", "\x1b[31mred"}, 2, []string{"is not a name"}},
	}
	f := newFake(t)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := f.pave(t, nil, "", tc.args...)
			if got.code != tc.code || got.out != "" || strings.Contains(got.err, "\x1b") {
				t.Errorf("code %d, stdout %q, stderr %q", got.code, got.out, got.err)
			}
			for _, s := range tc.says {
				if !strings.Contains(strings.ReplaceAll(got.err, `"../x" must`, `name "../x" must`), s) && !strings.Contains(got.err, s) {
					t.Errorf("stderr lacks %q:\n%s", s, got.err)
				}
			}
		})
	}
}

func TestOutput(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	cases := map[string]struct {
		args []string
		env  map[string]string
		want string
	}{
		"pipe":   {[]string{"list", "services"}, nil, "payment-processor\tpayment-squad\tgo-http 1.0\tstaging, production\t1\t2026-11-20T12:00:00Z\nshop\tshop-squad\tgo-http 1.0\tstaging\t2\t2026-11-20T12:00:00Z\n"},
		"alias":  {[]string{"get", "services", "-o", "name"}, nil, "payment-processor\nshop\n"},
		"one":    {[]string{"get", "service", "shop", "-o", "name"}, nil, "shop\n"},
		"fields": {[]string{"list", "service", "--json", "name,revision"}, nil, "[\n  {\n    \"name\": \"payment-processor\",\n    \"revision\": 1\n  },\n  {\n    \"name\": \"shop\",\n    \"revision\": 2\n  }\n]\n"},
		"null":   {[]string{"get", "service", "shop", "--json", "deleted"}, nil, "{\n  \"deleted\": null\n}\n"},
		"jq":     {[]string{"list", "services", "--jq", ".[].name"}, nil, "payment-processor\nshop\n"},
		"jq of":  {[]string{"list", "services", "--json", "name", "--jq", "map(keys) | flatten | unique"}, nil, "[\n  \"name\"\n]\n"},
		"yaml":   {[]string{"get", "service", "shop", "--json=name", "--jq", "."}, nil, "{\n  \"name\": \"shop\"\n}\n"},
		"empty":  {[]string{"list", "teams", "--jq", "length"}, nil, "0\n"},
		"who":    {[]string{"version"}, nil, "pave 1.0\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := f.pave(t, tc.env, "", tc.args...)
			if diff := cmp.Diff(answer{0, tc.want, ""}, got, cmp.AllowUnexported(answer{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if got := f.pave(t, map[string]string{"PAVE_FORCE_TTY": "1"}, "", "list", "services"); !strings.HasPrefix(got.out, "NAME ") {
		t.Errorf("no titles on a terminal:\n%s", got.out)
	}
}

func TestColours(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	tty := func(k, v string) map[string]string { return map[string]string{"PAVE_FORCE_TTY": "1", k: v} }
	cases := map[string]struct {
		env  map[string]string
		args []string
		want bool
	}{
		"pipe":       {nil, nil, false},
		"terminal":   {tty("", ""), nil, true},
		"NO_COLOR":   {tty("NO_COLOR", "1"), nil, false},
		"CLICOLOR":   {tty("CLICOLOR", "0"), nil, false},
		"dumb":       {tty("TERM", "dumb"), nil, false},
		"flag":       {tty("", ""), []string{"--no-color"}, false},
		"force":      {map[string]string{"CLICOLOR_FORCE": "1"}, nil, true},
		"NO over":    {map[string]string{"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, nil, false},
		"force zero": {map[string]string{"CLICOLOR_FORCE": "0"}, nil, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := f.pave(t, tc.env, "", append([]string{"doctor"}, tc.args...)...)
			if strings.Contains(got.out, "\x1b") != tc.want || got.code != 1 {
				t.Errorf("code %d, colours %v, want %v: %q", got.code, !tc.want, tc.want, got.out)
			}
		})
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ reason, in, want string }{
		"plain":      {"text stays", "naïve: 日本 ✓\n\tx", "naïve: 日本 ✓\n\tx"},
		"colour":     {"CSI", "a\x1b[1;31mb\x1b[0mc", "abc"},
		"title":      {"OSC up to BEL", "a\x1b]0;evil\x07b", "ab"},
		"link":       {"OSC up to ST", "a\x1b]8;;http://x\x1b\\b", "ab"},
		"open":       {"OSC without an end", "a\x1b]52;c;AAAA", "a"},
		"8 bit":      {"C1 introducers", "a\u009b31mb\u0085c", "abc"},
		"overwrite":  {"carriage return and backspace", "good\r\b\bevil", "goodevil"},
		"bidi":       {"direction marks", "a\u202eb\u2066c", "abc"},
		"bytes":      {"not UTF-8", "a\xffb", "a\ufffdb"},
		"two":        {"an escape inside an escape leaves none", "\x1b\x1b[31m[31mx", "[31mx"},
		"reset":      {"two characters", "\x1bcx", "x"},
		"charset":    {"three characters", "\x1b(0x", "x"},
		"nul":        {"NUL and DEL", "a\x00\x7fb", "ab"},
		"incomplete": {"at the end", "a\x1b[", "a"},
	}
	for name, tc := range cases {
		if got := clean(tc.in); got != tc.want {
			t.Errorf("%s (%s): got %q, want %q", name, tc.reason, got, tc.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\x1b[31mb\u009b\x1b]0;x\x07")
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s)
		if strings.ContainsAny(got, "\x1b\r\b\x07\x00\x7f\u009b\u009d") || clean(got) != got {
			t.Errorf("clean(%q) = %q", s, got)
		}
	})
}

func TestHostileServerText(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.resource = []pave.Resource{{Ref: pave.Ref{Kind: "database", Service: "shop", Name: "x\x1b]0;t\x07"}, ExternalID: "a\tb\nc\x1b[2J", Reason: "\u202e"}}
	f.logs = []pave.LogLine{{Source: "web\x1b[1m", Text: "\x1b[2Jhello\r"}}
	for _, args := range [][]string{{"list", "resources", "-o", "wide"}, {"explain", "shop"}, {"explain", "shop", "-o", "yaml"},
		{"explain", "shop", "--jq", ".[].external_id"}, {"logs", "shop"}} {
		got := f.pave(t, nil, "", args...)
		if got.code != 0 || strings.ContainsAny(got.out, "\x1b\r\x07\u202e") {
			t.Errorf("%v: %+v", args, got)
		}
	}
	if got := f.pave(t, nil, "", "logs", "shop"); got.out != "web | hello\n" {
		t.Errorf("logs: %q", got.out)
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	want := map[pave.Code]int{pave.Invalid: 2, pave.Denied: 4, pave.NotFound: 3, pave.Conflict: 5, pave.Policy: 6, pave.Internal: 1}
	for code, exit := range want {
		f.problems["GET /v1/services/shop/status"] = pave.Error{Code: code, Message: "it is so", Hint: "do this",
			Fields: []pave.FieldError{{Field: "a", Value: "1", Message: "is wrong"}, {Field: "b", Value: "2", Message: "is odd"}}}
		got := f.pave(t, nil, "", "status", "shop")
		if diff := cmp.Diff(answer{exit, "", "pave: it is so\n  a \"1\" is wrong\n  b \"2\" is odd\n  next: do this\n"}, got, cmp.AllowUnexported(answer{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", code, diff)
		}
	}
	deps := f.deps(nil)
	deps.Ensure = func(context.Context) (client.Endpoint, error) {
		return client.Endpoint{}, pave.Errorf(pave.Unavailable, "dial: %w", client.ErrUnreachable)
	}
	if got := runPave(t.Context(), deps, "", "list", "services"); got.code != 9 {
		t.Errorf("no connection: %+v", got)
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	for want, args := range map[string][]string{
		"payment-processor\n":   {"__complete", "status", "pay"},
		"services\tList":        {"__complete", "list", "serv"},
		"shop\n":                {"__complete", "get", "service", "sh"},
		"name\n":                {"__complete", "list", "services", "--json", "na"},
		"shop\n:4\nCompletion ": {"__complete", "list", "resources", "--service", "sh"},
	} {
		if got := f.pave(t, nil, "", args...); !strings.Contains(got.out+got.err, strings.TrimSuffix(want, "\nCompletion ")) {
			t.Errorf("%v: want %q in %+v", args, want, got)
		}
	}
	deps := f.deps(nil)
	deps.Ensure = func(context.Context) (client.Endpoint, error) {
		t.Error("completion started a server")
		return client.Endpoint{}, nil
	}
	deps.Find = func(ctx context.Context) (client.Endpoint, error) { <-ctx.Done(); return client.Endpoint{}, ctx.Err() }
	begin := time.Now()
	if got := runPave(t.Context(), deps, "", "__complete", "status", ""); time.Since(begin) > 2*time.Second || strings.Contains(got.out, "payment") {
		t.Errorf("a server that does not answer held the shell for %s: %+v", time.Since(begin), got)
	}
}

func TestGitCredential(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	host := strings.TrimPrefix(f.server.URL, "http://")
	cases := map[string]struct {
		reason, op, in string
		gives          bool
	}{
		"ours":       {"scheme, host and port are the server's", "get", "protocol=http\nhost=" + host + "\npath=git/a.git\n\n", true},
		"other port": {"a neighbour on the same machine", "get", "protocol=http\nhost=127.0.0.1:1\n\n", false},
		"other host": {"another machine", "get", "protocol=http\nhost=example.com\n\n", false},
		"prefix":     {"a host that begins like ours", "get", "protocol=http\nhost=" + host + ".example.com\n\n", false},
		"https":      {"another scheme", "get", "protocol=https\nhost=" + host + "\n\n", false},
		"user":       {"a user in the host", "get", "protocol=http\nhost=x@" + host + "\n\n", false},
		"nothing":    {"no question", "get", "", false},
		"store":      {"nothing is stored", "store", "protocol=http\nhost=" + host + "\npassword=x\n\n", false},
		"erase":      {"nothing is erased", "erase", "protocol=http\nhost=" + host + "\n\n", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := ""
			if tc.gives {
				want = "username=pave\npassword=canary-token\n"
			}
			if got := f.pave(t, nil, tc.in, "git-credential", tc.op); got.code != 0 || got.out != want {
				t.Errorf("%s: %+v", tc.reason, got)
			}
		})
	}
}

func TestCloneArgs(t *testing.T) {
	t.Parallel()
	got, err := cloneArgs("http://127.0.0.1:7070", "", "shop", "-x", 1)
	if err != nil || !strings.HasPrefix(got[4], "credential.http://127.0.0.1:7070.helper=!'") || !strings.HasSuffix(got[4], "' git-credential") {
		t.Fatalf("%q %v", got, err)
	}
	got[4] = "HELPER"
	want := []string{"clone", "-c", "credential.http://127.0.0.1:7070.helper=", "-c", "HELPER", "--depth=1", "--", "http://127.0.0.1:7070/git/shop.git", "-x"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := shellQuote("/a b/it's"); got != `'/a b/it'\''s'` {
		t.Error(got)
	}
}

// On a git host git asks as ever; here it is pave that gives the login.
func TestCloneAsks(t *testing.T) {
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "git"), []byte("#!/bin/sh\necho \"prompt ${GIT_TERMINAL_PROMPT-as ever}\" >&2\nexit 128\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	if now, set := os.LookupEnv("GIT_TERMINAL_PROMPT"); set {
		t.Setenv("GIT_TERMINAL_PROMPT", now)
		_ = os.Unsetenv("GIT_TERMINAL_PROMPT")
	}
	for repository, want := range map[string][]string{
		"":                                      {"prompt 0", "pave doctor"},
		"https://git.example.com/acme/shop.git": {"prompt as ever", "no login for git.example.com", "credential helper"},
	} {
		f := newFake(t)
		f.services[1].Repository = repository
		got := f.pave(t, nil, "", "clone", "shop", filepath.Join(t.TempDir(), "shop"))
		for _, w := range want {
			if got.code == 0 || !strings.Contains(got.err, w) {
				t.Errorf("%q: %d %q lacks %q", repository, got.code, got.err, w)
			}
		}
	}
}

func TestBackingTwice(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	create := []string{"create", "service", "--name", "shop", "--template", "go-http", "--team", "web", "--queue", "rabbitmq", "--queue"}
	if got := f.pave(t, nil, "", append(create, "nats")...); got.code != exitUsage || !strings.Contains(got.err, "rabbitmq is given already") || len(f.made()) != 0 {
		t.Errorf("two queues: %+v, %v", got, f.calls)
	}
	if got := f.pave(t, nil, "", "add", "queue", "--service", "shop", "--engine", "rabbitmq", "--engine", "nats"); got.code != exitUsage || len(f.made()) != 0 {
		t.Errorf("two engines: %+v, %v", got, f.calls)
	}
	if got := f.pave(t, nil, "", append(create, "rabbitmq")...); strings.Contains(got.err, "given already") {
		t.Errorf("the same twice: %+v", got)
	}
	if got := f.pave(t, nil, "", "add", "queue", "--help"); !strings.Contains(got.out, "NATS_URL (nats)") || !strings.Contains(got.out, "AMQP_URL (rabbitmq)") {
		t.Errorf("help: %+v", got)
	}
}

func TestAuditDetail(t *testing.T) {
	t.Parallel()
	long := "http://127.0.0.1:34597/acme/billing/pull/1"
	for in, want := range map[string]string{
		"staging": "staging",
		long:      long,
		"database by terraform, module ./modules/postgres at a commit": "database by terraform, module ./modules/postgres at a commit",
		strings.Repeat("0a", 32):   "0a0a0a0a0a0a",
		strings.Repeat("a b ", 50): strings.Repeat("a b ", 30) + "...",
	} {
		if got := short(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestHook(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	run := pave.Run{ID: runID, Kind: pave.RunPipeline, Title: "pipeline of shop at 3f2c1ab", State: pave.RunStopped, Reason: "test: ended with exit code 1", Attempts: 1}
	f.story(run, [3]string{"step.done", "source", `{"title":"Source","summary":"3f2c1ab, 3 files","took_ms":5}`},
		[3]string{"step.output", "test", `{"lines":["FAIL"]}`}, [3]string{"step.failed", "test", `{"title":"Test","reason":"ended with exit code 1","took_ms":1200}`},
		[3]string{"run.stopped", "", `{}`})
	env := map[string]string{"PAVE_HOOK_URL": f.server.URL, "PAVE_HOOK_TOKEN": "hook", "PAVE_HOOK_API_TOKEN": "mine", "PAVE_HOOK_SERVICE": "shop.git"}
	got := f.pave(t, env, "0000 abcd refs/heads/main\n", "hook", "post-receive")
	want := "Run  URL/v1/runs/" + runID + `
     pave watch run_01JD4T9XK2M7
[+] Source          3f2c1ab, 3 files                             0.0s
[!] Test            ended with exit code 1                       1.2s
    last lines of test:
    | FAIL
pipeline of shop at 3f2c1ab: stopped: test: ended with exit code 1
  next: pave logs run_01JD4T9XK2M7
  next: pave retry run_01JD4T9XK2M7, or push a commit that mends it
`
	if diff := cmp.Diff(answer{0, want, ""}, answer{got.code, strings.ReplaceAll(got.out, f.server.URL, "URL"), got.err}, cmp.AllowUnexported(answer{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for reason, in := range map[string]string{"another branch": "a b refs/heads/feature\n", "a tag": "a b refs/tags/main\n", "a deletion": "a 0000 refs/heads/main\n", "nothing": ""} {
		if got := f.pave(t, env, in, "hook", "post-receive"); got != (answer{}) {
			t.Errorf("%s: %+v", reason, got)
		}
	}
	env["PAVE_HOOK_TOKEN"] = "wrong"
	if got := f.pave(t, env, "a b refs/heads/main\n", "hook", "post-receive"); got.code != 0 || !strings.Contains(got.out, "the push is kept") {
		t.Errorf("a hook must not fail the push: %+v", got)
	}
}

func TestStatusAndExplain(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.status.Deployments[0].Traffic = &pave.Traffic{Requests: 10, Errors: 1, P95: 2.5}
	f.status.Deployments[0].Release = &pave.Release{Number: 3, Commit: "3f2c1abdef"}
	f.resource = []pave.Resource{{Ref: pave.Ref{Kind: "database", Env: "production"}, Provider: "postgres", ExternalID: "shop", State: pave.ResourcePresent,
		Ready: true, Observed: time.Now(), Look: []string{"psql shop"}}}
	for _, c := range []struct {
		args []string
		says []string
	}{
		{[]string{"status", "payment-processor"}, []string{"payment-processor is live", "release 3 (3f2c1ab)", "10 requests, 1 errors", "p95 2.5 ms"}},
		{[]string{"explain", "payment-processor"}, []string{"on pave 1.0", "[+]", "postgres", "present, seen 0s ago", "psql shop", "pave logs payment-processor -f"}},
		{[]string{"describe", "service", "payment-processor"}, []string{"Team       payment-squad", "/git/payment-processor.git", "Environments"}},
	} {
		got := f.pave(t, nil, "", c.args...)
		for _, s := range c.says {
			if got.code != 0 || !strings.Contains(got.out, s) {
				t.Errorf("%v lacks %q: %+v", c.args, s, got)
			}
		}
	}
	got := f.pave(t, nil, "", "doctor", "--json")
	var checks []pave.Check
	if err := json.Unmarshal([]byte(got.out), &checks); err != nil || len(checks) != 4 || got.code != 1 {
		t.Errorf("doctor --json: %v %+v", err, got)
	}
}
