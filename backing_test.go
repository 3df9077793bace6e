package pave

import (
	"slices"
	"strings"
	"testing"
)

func TestFindEngine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kind, name, want, hint string }{
		{KindDatabase, "postgresql", "postgresql", ""},
		{KindDatabase, "postgres", "postgresql", ""},
		{KindDatabase, "mariadb", "mysql", ""},
		{KindDatabase, "mongodb", "mongodb", ""},
		{KindDatabase, "postgresq", "", "did you mean postgresql?"},
		{KindDatabase, "redis", "", "redis is a cache: --cache redis"},
		{KindCache, "redis", "redis", ""},
		{KindQueue, "nats", "nats", ""},
		{KindQueue, "rabbitmq", "rabbitmq", ""},
		{KindQueue, "kafka", "kafka", ""},
		{KindQueue, "s3", "", "s3 is a bucket: --bucket s3"},
		{KindBucket, "minio", "s3", ""},
		{KindBucket, "blob", "", "one of none, s3"},
	} {
		e, err := FindEngine(c.kind, c.name)
		if e.Name != c.want || (err == nil) != (c.want != "") || HintOf(err) != c.hint {
			t.Errorf("%s %s: %q, %v (%s); want %q (%s)", c.kind, c.name, e.Name, err, HintOf(err), c.want, c.hint)
		}
	}
}

func TestBackings(t *testing.T) {
	t.Parallel()
	if want := []string{KindDatabase, KindCache, KindQueue, KindBucket}; !slices.Equal(BackingKinds, want) {
		t.Errorf("kinds: %v", BackingKinds)
	}
	names := map[string]bool{}
	for _, e := range Backings {
		for _, name := range append([]string{e.Name}, e.Also...) {
			if names[name] {
				t.Errorf("%s means two engines", name)
			}
			names[name] = true
		}
		for _, v := range e.Variables {
			if !slices.Contains(Outputs[e.Kind], v.Output) {
				t.Errorf("%s of %s: a %s has no output %s", v.Name, e.Name, e.Kind, v.Output)
			}
		}
		if len(e.Variables) == 0 || LocalProvider(e.Kind) == "" {
			t.Errorf("%s %s: %v", e.Kind, e.Name, e)
		}
	}
}

func TestProviderOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kind, engine, bound, want string }{
		{KindDatabase, "postgresql", "postgres", "postgres"},
		{KindDatabase, "postgresql", "terraform", "terraform"},
		{KindDatabase, "mysql", "postgres", "mysql"},
		{KindDatabase, "postgresql", "mysql", "postgres"},
		{KindDatabase, "mysql", "terraform", "terraform"},
		{KindQueue, "rabbitmq", "nats", "rabbitmq"},
		{KindDatabase, "mongodb", "terraform", "terraform"},
		{KindQueue, "nats", "nats", "nats"},
		{KindQueue, "kafka", "terraform", "terraform"},
		{KindDatabase, "mongodb", "postgres", ""},
		{KindQueue, "kafka", "nats", ""},
	} {
		got, err := ProviderOf(c.kind, c.engine, c.bound)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s %s bound to %s: %q, %v", c.kind, c.engine, c.bound, got, err)
		}
		if err != nil && (CodeOf(err) != Invalid || !strings.Contains(err.Error(), "needs a real server") || !strings.Contains(HintOf(err), "pave bind")) {
			t.Errorf("%s: %v (%s)", c.engine, err, HintOf(err))
		}
	}
}

func TestOutputsOf(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"postgres://u:p@127.0.0.1:5432/shop?sslmode=disable": "127.0.0.1 5432 shop u p  ",
		"nats://u:p@127.0.0.1:4222":                          "127.0.0.1 4222  u p  ",
		"http://k:s@127.0.0.1:9000/shop":                     "127.0.0.1 9000 shop k s http://127.0.0.1:9000 us-east-1",
		"https://k:s@s3.example.com/b?region=eu-central-1":   "s3.example.com  b k s https://s3.example.com eu-central-1",
	} {
		out := OutputsOf(NewSecret(address))
		var got []string
		for _, name := range []string{"host", "port", "name", "user", "password", "endpoint", "region"} {
			got = append(got, out[name].Reveal())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", address, strings.Join(got, " "), want)
		}
	}
}
