package pave

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
)

func TestSecretNeverPrints(t *testing.T) {
	t.Parallel()
	const value = "pvcnry-secret"
	s := NewSecret(value)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "pointer", &s, "in", struct{ S Secret }{s})
	inside, err := json.Marshal(map[string]any{"a": s, "b": &s, "c": []Secret{s}})
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"slog": log.String(), "json": string(inside), "error": fmt.Errorf("failed: %v", s).Error()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		texts[verb] = fmt.Sprintf(verb, s) + fmt.Sprintf(verb, &s) + fmt.Sprintf(verb, struct{ S Secret }{s})
	}
	for how, text := range texts {
		if strings.Contains(text, value) || strings.Contains(text, fmt.Sprintf("%x", value)) {
			t.Errorf("%s shows the value: %s", how, text)
		}
	}
	if s.Reveal() != value {
		t.Error("Reveal must give the value")
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	cause := errors.New("connection refused")
	err := fmt.Errorf("outside: %w", Errorf(Unavailable, "ask %q: %w", "node", cause).WithHint("pave up"))
	if CodeOf(err) != Unavailable || HintOf(err) != "pave up" || !errors.Is(err, cause) {
		t.Errorf("code %q, hint %q: an error keeps code, hint and cause through wrapping", CodeOf(err), HintOf(err))
	}
	if strings.Count(err.Error(), "connection refused") != 1 {
		t.Errorf("the cause is told once: %s", err)
	}
	if CodeOf(nil) != "" || CodeOf(cause) != Internal || CodeOf(context.Canceled) != Unavailable {
		t.Error("nil has no code, a foreign error is internal, an ended context is unavailable")
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	last := ""
	for range 10_000 {
		id := NewID("run")
		if seen[id] || id <= last || len(id) != 30 || !IsIDPrefix("run", id) {
			t.Fatalf("%s after %s: ids are unique, ordered and 26 characters after the prefix", id, last)
		}
		seen[id], last = true, id
	}
	for in, want := range map[string]bool{"run_01ABCDEF": true, "run_01abcdef": true, "run_01": false, "svc_01ABCDEF": false,
		"run_01ABCDEU": false, "run_'; drop--": false, "": false} {
		if IsIDPrefix("run", in) != want {
			t.Errorf("IsIDPrefix(%q) is not %v", in, want)
		}
	}
}

func TestRefs(t *testing.T) {
	t.Parallel()
	for _, r := range []Ref{{Kind: "database", Env: "staging", Service: "shop", Name: "shop"}, {Kind: "repository", Service: "shop", Name: "shop"}} {
		if got, err := ParseRef(r.String()); err != nil || got != r {
			t.Errorf("%s came back as %v, %v", r, got, err)
		}
	}
	if _, err := ParseRef("nonsense"); CodeOf(err) != Invalid {
		t.Error("nonsense is no ref")
	}
}

func TestEnvelope(t *testing.T) {
	t.Parallel()
	all := []Request{CreateService{Name: "shop", Environments: []string{"staging"}}, DeleteService{"shop"}, RestoreService{"shop"},
		Undo{"run_1"}, Deploy{"shop", "staging", "2"}, Promote{"shop", "production"},
		SetVariable{"shop", map[string]string{"A": "b"}, "staging"}, UnsetVariable{"shop", []string{"A"}, ""}, SetSecret{"shop", "KEY", "sec_1", ""},
		UnsetSecret{"shop", "KEY", "staging"}, Scale{"shop", 3, ""}, SetResources{"shop", "512Mi", "500m", ""}, Restart{"shop", "staging"},
		Rollback{"shop", "production", "3"}, AddDatabase{"shop", "postgresql"}, AddCache{"shop", ""}, RemoveDatabase{"shop"}, RemoveCache{"shop"},
		AddQueue{"shop", "nats"}, AddBucket{"shop", ""}, RemoveQueue{"shop"}, RemoveBucket{"shop"},
		AddEnvironment{"shop", "production"}, Heal{"shop", []string{"route:staging/shop/shop"}},
		Adopt{Name: "shop", Team: "web", Source: "src_1"}, RenameService{"shop", "store"}, LinkService{"shop", "store", "STORE_URL", "staging"},
		UnlinkService{"shop", "store", ""}, Rotate{"shop", "database", ""}}
	if len(all) != len(requests) {
		t.Errorf("%d of %d requests are tried", len(all), len(requests))
	}
	for _, r := range all {
		data, err := json.Marshal(Envelope{r})
		if err != nil {
			t.Fatal(err)
		}
		var e Envelope
		if err := json.Unmarshal(data, &e); err != nil || !reflect.DeepEqual(e.Request, r) {
			t.Errorf("%s came back as %#v, %v", data, e.Request, err)
		}
	}
	for _, bad := range []string{`{"verb":"create servce","spec":{}}`, `{"verb":"undo","spec":{"runn":"x"}}`, `{"verb":"undo","extra":1,"spec":{}}`, `[]`, `{}`, `null`} {
		var e Envelope
		if err := json.Unmarshal([]byte(bad), &e); CodeOf(err) != Invalid && !(bad == "null" && err == nil && e.Request == nil) {
			t.Errorf("%s: got %v, want Invalid", bad, err)
		}
	}
}

func FuzzEnvelope(f *testing.F) {
	f.Add([]byte(`{"verb":"deploy","spec":{"name":"shop"}}`))
	f.Add([]byte(`{"verb":"","spec":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var e Envelope
		if err := e.UnmarshalJSON(data); err != nil {
			return
		}
		if e.Request == nil {
			t.Fatalf("%q gave no request and no error", data)
		}
		if _, err := json.Marshal(e); err != nil {
			t.Fatalf("%q cannot be written again: %v", data, err)
		}
	})
}

func TestSettings(t *testing.T) {
	t.Parallel()
	var old Wanted // as written before environments had settings of their own
	if err := json.Unmarshal([]byte(`{"environments":["staging"],"replicas":2,"variables":{"A":"1"}}`), &old); err != nil {
		t.Fatal(err)
	}
	set := func(w Wanted, env Name, value string) Wanted {
		return w.Change(env, func(s *Settings) {
			if s.Variables == nil {
				s.Variables = map[string]string{}
			}
			s.Variables["A"] = value
			s.Replicas = len(value)
		})
	}
	now := set(set(old, "staging", "two"), "production", "ten!")
	back := now.Change("production", func(s *Settings) { *s = Settings{} })
	for _, tc := range []struct {
		reason   string
		w        Wanted
		env      Name
		value    string
		replicas int
	}{
		{"an old revision reads as before, and is not changed by later ones", old, "staging", "1", 2},
		{"its own", now, "staging", "two", 3},
		{"its own", now, "production", "ten!", 4},
		{"that of all where it has none", now, "preview", "1", 2},
		{"that of all again", back, "production", "1", 2},
	} {
		if s := tc.w.SettingsIn(tc.env); s.Variables["A"] != tc.value || s.Replicas != tc.replicas {
			t.Errorf("%s: %s has %+v", tc.reason, tc.env, s)
		}
	}
	if len(back.In) != 1 {
		t.Errorf("an environment without settings is left out: %v", back.In)
	}
}

func TestCheckVariable(t *testing.T) {
	t.Parallel()
	for name, hint := range map[string]string{"LOG_LEVEL": "", "A1": "", "log-level": "did you mean LOG_LEVEL?", "": "for example: LOG_LEVEL",
		"1A": "for example: LOG_LEVEL", "PORT": "choose another name", "PAVE_X": "choose another name", "A=B": "for example: LOG_LEVEL", "A\x00": "for example: LOG_LEVEL"} {
		err := CheckVariable(name)
		if (err == nil) != (hint == "") || err != nil && HintOf(err) != hint {
			t.Errorf("%q: %v, hint %q, want %q", name, err, HintOf(err), hint)
		}
	}
}
