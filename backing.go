package pave

import (
	"net/url"
	"slices"
	"strings"
)

// An Engine is one way to have a kind of backing: what a service asks for beside what
// every service gets.
type Engine struct {
	Kind string
	Name string   // what people ask for: "postgresql"
	Also []string // other names that they use
	// Provider makes it on this machine. Where that is none, it is made only where an
	// organisation has bound a module to the kind.
	Provider string
	// Variables are what processes see of it.
	Variables []BackingVariable
}

// A BackingVariable is a variable that holds an output of a backing.
type BackingVariable struct{ Name, Output string }

// Backings is the catalogue of what services may ask for: the one place where names of
// engines are mapped. Kinds stand in the order in which they are shown and made, and the
// first engine of a kind is the one without a choice.
//
// A new engine is a row here, and where Provider is set a driver that is registered under
// it in internal/server/assemble.go for its kind. Requests, flags, plan, variables,
// bindings and completion follow. A kind's binding that names the provider of any of its
// rows means this machine: each engine is then made by the provider of its own row. The
// binding that pave begins with is a migration (0007_cache.sql, 0050_stores.sql), one for
// a kind, and a new kind also needs a title and its spec in internal/resource/kind.go.
var Backings = []Engine{
	{Kind: KindDatabase, Name: "postgresql", Also: []string{"postgres", "pg"}, Provider: "postgres", Variables: []BackingVariable{{"DATABASE_URL", "url"}}},
	{Kind: KindDatabase, Name: "mysql", Also: []string{"mariadb"}, Provider: "mysql", Variables: []BackingVariable{{"DATABASE_URL", "url"}}},
	{Kind: KindDatabase, Name: "mongodb", Also: []string{"mongo"}, Variables: []BackingVariable{{"DATABASE_URL", "url"}, {"MONGODB_URI", "url"}}},
	{Kind: KindCache, Name: "redis", Provider: "redis", Also: []string{"valkey"}, Variables: []BackingVariable{{"REDIS_URL", "url"}}},
	{Kind: KindQueue, Name: "nats", Also: []string{"jetstream"}, Provider: "nats", Variables: []BackingVariable{{"QUEUE_URL", "url"}, {"NATS_URL", "url"}}},
	{Kind: KindQueue, Name: "rabbitmq", Also: []string{"amqp"}, Provider: "rabbitmq", Variables: []BackingVariable{{"QUEUE_URL", "url"}, {"AMQP_URL", "url"}}},
	{Kind: KindQueue, Name: "kafka", Variables: []BackingVariable{{"QUEUE_URL", "url"}, {"KAFKA_BROKERS", "host"}}},
	{Kind: KindBucket, Name: "s3", Also: []string{"minio"}, Provider: "s3", Variables: []BackingVariable{{"S3_ENDPOINT", "endpoint"}, {"S3_BUCKET", "name"},
		{"AWS_ENDPOINT_URL_S3", "endpoint"}, {"AWS_REGION", "region"}, {"AWS_ACCESS_KEY_ID", "user"}, {"AWS_SECRET_ACCESS_KEY", "password"}}},
}

// BackingKinds are the kinds of the catalogue, in its order.
var BackingKinds = func() (out []string) {
	for _, e := range Backings {
		if !slices.Contains(out, e.Kind) {
			out = append(out, e.Kind)
		}
	}
	return out
}()

// EnginesOf are the names of a kind's engines that are made on this machine, the usual
// one first.
func EnginesOf(kind string) (out []string) {
	for _, e := range Backings {
		if e.Kind == kind && e.Provider != "" {
			out = append(out, e.Name)
		}
	}
	return out
}

// FindEngine finds an engine by its name or one that people use for it. Invalid where
// there is none, with what was meant or what there is.
func FindEngine(kind, name string) (Engine, error) {
	var names []string
	for _, e := range Backings {
		if e.Kind != kind {
			continue
		}
		if e.Name == name || slices.Contains(e.Also, name) {
			return e, nil
		}
		names = append(append(names, e.Name), e.Also...)
	}
	choices := append([]string{"none"}, names...)
	hint := "one of " + strings.Join(append([]string{"none"}, EnginesOf(kind)...), ", ")
	if near := DidYouMean(name, choices); near != "" {
		if e, err := FindEngine(kind, near); err == nil { // what is meant has another name here
			near = e.Name
		}
		hint = "did you mean " + near + "?"
	}
	for _, e := range Backings {
		if e.Name == name || slices.Contains(e.Also, name) {
			hint = name + " is a " + e.Kind + ": --" + e.Kind + " " + e.Name
		}
	}
	return Engine{}, BadField(kind, name, "is not an engine", hint)
}

// OnThisMachine reports whether a provider is one that makes engines of a kind on this
// machine.
func OnThisMachine(kind, provider string) bool {
	return slices.ContainsFunc(Backings, func(e Engine) bool { return e.Kind == kind && e.Provider == provider && provider != "" })
}

// LocalProvider is the provider of a kind that pave begins with: that of the first engine
// that has one. "" for what is no kind of backing.
func LocalProvider(kind string) string {
	for _, e := range Backings {
		if e.Kind == kind && e.Provider != "" {
			return e.Provider
		}
	}
	return ""
}

// ProviderOf is who makes an engine, where a provider is bound to its kind. Invalid where
// that cannot be here.
func ProviderOf(kind, engine, bound string) (string, error) {
	if !OnThisMachine(kind, bound) {
		return bound, nil
	}
	e, err := FindEngine(kind, engine)
	if err == nil && e.Provider == "" {
		err = BadField(kind, engine, "needs a real server, or the organisation's: none is run on this machine",
			"pave bind ENVIRONMENT "+kind+" terraform --module DIR says who makes it; here there is "+strings.Join(EnginesOf(kind), ", "))
	}
	return e.Provider, err
}

// Variables are what processes see of a backing. An engine that the catalogue has no more
// has the address alone.
func (b WantedBacking) Variables() []BackingVariable {
	if e, err := FindEngine(b.Kind, b.Engine); err == nil {
		return e.Variables
	}
	return []BackingVariable{{strings.ToUpper(b.Kind) + "_URL", "url"}}
}

// OutputCA is the output that has the certificates, in PEM, of the authority by which the
// server of a backing is verified. Only modules give it out, and not all.
const OutputCA = "ca"

// CAVariable is the variable in which processes see it: REDIS_CA beside REDIS_URL. "" of
// what has no address.
func (b WantedBacking) CAVariable() string {
	if v := b.Variables()[0]; strings.HasSuffix(v.Name, "_URL") {
		return strings.TrimSuffix(v.Name, "_URL") + "_CA"
	}
	return ""
}

// Outputs are what a backing gives its service, by kind, for variables to refer to.
var Outputs = map[string][]string{
	KindDatabase: {"url", "host", "port", "name", "user", "password"},
	KindCache:    {"url", "host", "port", "name", "user", "password"},
	KindQueue:    {"url", "host", "port", "name", "user", "password"},
	KindBucket:   {"url", "endpoint", "host", "port", "name", "region", "user", "password"},
}

// OutputsOf takes the address of a backing apart. That of a bucket is
// http://KEY:SECRET@HOST:PORT/NAME, perhaps with ?region=.
func OutputsOf(address Secret) map[string]Secret {
	out := map[string]Secret{"url": address}
	u, err := url.Parse(address.Reveal())
	if err != nil {
		return out
	}
	password, _ := u.User.Password()
	parts := map[string]string{"host": u.Hostname(), "port": u.Port(), "name": strings.TrimPrefix(u.Path, "/"),
		"user": u.User.Username(), "password": password}
	if u.Scheme == "http" || u.Scheme == "https" {
		parts["endpoint"] = u.Scheme + "://" + u.Host
		if parts["region"] = u.Query().Get("region"); parts["region"] == "" {
			parts["region"] = "us-east-1"
		}
	}
	for name, value := range parts {
		out[name] = NewSecret(value)
	}
	return out
}
