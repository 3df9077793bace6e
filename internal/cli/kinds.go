package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/client"
)

// scope says how a kind belongs to a service.
type scope int

const (
	global    scope = iota
	ofService       // --service narrows
	inService       // --service is needed
)

// A query is what the flags of list and get narrow to.
type query struct {
	service, run, kind, state string
	commit                    string
	deleted                   bool
	after                     int64
	limit                     int
	// heard is told when a git host said what is shown, and why nothing newer; nil for
	// nobody who wants to know.
	heard func(observed time.Time, reason string)
}

// A kind is something that list, get and describe show.
type kind struct {
	name, plural string
	short        string // what it is
	example      string // a name of one
	scope        scope
	sample       any
	fetch        func(ctx context.Context, c *client.Client, q query) ([]any, error)
	// detail is what describe shows, where that is more than the list has; found
	// gets it.
	detail any
	found  func(ctx context.Context, c *client.Client, name string, q query) (any, error)
	// one gets an object by name where the server has a route for it.
	one     func(ctx context.Context, c *client.Client, name string) (any, error)
	names   func(v any) []string // the first is its name, the others are accepted too
	columns func(v any) []column
}

// A column is a cell with its title. Wide ones show with -o wide.
type column struct {
	title string
	value any
	wide  bool
}

func of[T any](fetch func(context.Context, *client.Client, query) ([]T, error), names func(T) []string, columns func(T) []column) kind {
	var sample T
	return kind{
		sample: sample,
		fetch: func(ctx context.Context, c *client.Client, q query) ([]any, error) {
			all, err := fetch(ctx, c, q)
			out := make([]any, len(all))
			for i := range all {
				out[i] = all[i]
			}
			return out, err
		},
		names:   func(v any) []string { return names(v.(T)) },
		columns: func(v any) []column { return columns(v.(T)) },
	}
}

func (k kind) as(name, plural, short, example string, s scope) kind {
	k.name, k.plural, k.short, k.example, k.scope = name, plural, short, example, s
	return k
}

// kinds are all kinds, in the order of help.
func kinds() []kind {
	services := of(func(ctx context.Context, c *client.Client, q query) ([]pave.Service, error) {
		return c.Services(ctx, q.deleted)
	}, func(s pave.Service) []string { return []string{string(s.Name), s.ID, shortID(s.ID)} }, serviceColumns).
		as("service", "services", "what teams own and run", "payment-processor", global)
	services.one = func(ctx context.Context, c *client.Client, name string) (any, error) {
		if err := nameArg(name); err != nil {
			return nil, err
		}
		return c.Service(ctx, name)
	}
	runs := of(func(ctx context.Context, c *client.Client, q query) ([]pave.Run, error) {
		return c.ListRuns(ctx, pave.RunFilter{Service: q.service, Kind: pave.RunKind(q.kind), State: pave.RunState(q.state), Limit: q.limit})
	}, func(r pave.Run) []string { return []string{shortID(r.ID)} }, runColumns).
		as("run", "runs", "durable executions, newest first", "run_01JD4T9XK2M7", ofService)
	runs.one = func(ctx context.Context, c *client.Client, id string) (any, error) {
		if err := runArg(id); err != nil {
			return nil, err
		}
		return c.Run(ctx, id)
	}
	templates := of(func(ctx context.Context, c *client.Client, _ query) ([]pave.Template, error) {
		return c.ListTemplates(ctx)
	}, func(t pave.Template) []string { return append([]string{t.Name}, t.Aliases...) }, templateColumns).
		as("template", "templates", "golden paths", "go-http", global)
	templates.detail = pave.TemplateDetail{}
	templates.found = func(ctx context.Context, c *client.Client, name string, _ query) (any, error) {
		return c.Template(ctx, name)
	}
	return []kind{services, runs,
		of(func(ctx context.Context, c *client.Client, q query) ([]pave.Resource, error) {
			return c.ListResources(ctx, q.service)
		}, resourceNames, resourceColumns).
			as("resource", "resources", "real things outside pave, as its journal has them", "database:production/shop/shop", ofService),
		templates,
		of(func(ctx context.Context, c *client.Client, _ query) ([]pave.Environment, error) {
			return c.Environments(ctx)
		}, func(e pave.Environment) []string { return []string{string(e.Name), e.ID} }, environmentColumns).
			as("environment", "environments", "places that services run in, by rank", "production", global),
		of(func(ctx context.Context, c *client.Client, _ query) ([]pave.Provider, error) { return c.Providers(ctx) },
			func(p pave.Provider) []string { return []string{p.Name, p.Kind + "/" + p.Name} }, providerColumns).
			as("provider", "providers", "who may make resources of a kind, and what each is told by pave bind", "repository/github", global),
		of(func(ctx context.Context, c *client.Client, _ query) ([]pave.Team, error) { return c.Teams(ctx) },
			func(t pave.Team) []string { return []string{string(t.Name), t.ID} }, teamColumns).
			as("team", "teams", "who owns services", "payment-squad", global),
		of(func(ctx context.Context, c *client.Client, q query) ([]pave.Release, error) {
			return c.ListReleases(ctx, q.service)
		}, func(r pave.Release) []string {
			return []string{fmt.Sprint(r.Number), r.ID, shortID(r.ID), r.Commit, fmt.Sprintf("%.7s", r.Commit)}
		}, releaseColumns).
			as("release", "releases", "built commits of a service, newest first", "3", inService),
		checkKind(), proposalKind(),
		of(func(ctx context.Context, c *client.Client, q query) ([]pave.Variable, error) {
			return c.Variables(ctx, q.service)
		}, func(v pave.Variable) []string { return []string{v.Name} }, variableColumns).
			as("variable", "variables", "what a service's processes are told", "LOG_LEVEL", inService),
		of(func(ctx context.Context, c *client.Client, q query) ([]pave.SecretName, error) {
			return c.Secrets(ctx, q.service)
		}, func(s pave.SecretName) []string { return []string{s.Name} }, secretColumns).
			as("secret", "secrets", "names of what a service's processes alone are told", "STRIPE_KEY", inService),
		of(func(ctx context.Context, c *client.Client, q query) ([]pave.Entity, error) {
			return c.Entities(ctx, q.service)
		}, func(e pave.Entity) []string { return []string{e.Ref} }, entityColumns).
			as("entity", "entities", "what the catalog discovered", "component:payment-processor", ofService),
		of(func(ctx context.Context, c *client.Client, q query) ([]pave.Call, error) {
			return c.Calls(ctx, q.service)
		}, func(c pave.Call) []string { return []string{string(c.Caller + ":" + c.Target + ":" + c.Environment)} }, callColumns).
			as("call", "calls", "what services ask of each other", "checkout:payment-processor:production", ofService),
		of(func(ctx context.Context, c *client.Client, q query) ([]pave.Revision, error) {
			return c.Revisions(ctx, q.service)
		}, func(r pave.Revision) []string { return []string{fmt.Sprint(r.Number)} }, revisionColumns).
			as("revision", "revisions", "what was wanted of a service, numbered", "1", inService),
		of(func(ctx context.Context, c *client.Client, q query) ([]pave.Event, error) {
			return c.Events(ctx, pave.EventFilter{Run: q.run, Service: q.service, After: q.after, Limit: q.limit})
		}, func(e pave.Event) []string { return []string{fmt.Sprint(e.Seq)} }, eventColumns).
			as("event", "events", "what happened to runs, in order", "42", ofService),
		of(func(ctx context.Context, c *client.Client, _ query) ([]pave.User, error) { return c.Users(ctx) },
			func(u pave.User) []string { return []string{u.Name, u.ID, shortID(u.ID)} }, userColumns).
			as("user", "users", "people and programs that act", "ada", global),
		of(func(ctx context.Context, c *client.Client, _ query) ([]pave.Token, error) { return c.Tokens(ctx) },
			func(t pave.Token) []string { return []string{t.ID, shortID(t.ID), t.Name} }, tokenColumns).
			as("token", "tokens", "keys of yours, for an admin of all", "ci", global),
		modules(), webhooks(),
	}
}

func userColumns(u pave.User) []column {
	role := "-"
	if u.Viewer {
		role = "viewer"
	}
	if u.Admin {
		role = "admin"
	}
	return []column{{"NAME", u.Name, false}, {"ROLE", role, false}, {"SUSPENDED", !u.Suspended.IsZero(), false}, {"AGE", u.Created, false},
		{"EMAIL", dash(u.Email), true}, {"ID", shortID(u.ID), true}}
}

func tokenColumns(t pave.Token) []column {
	end := "-"
	if !t.Expires.IsZero() {
		end = t.Expires.UTC().Format(time.DateOnly)
	}
	return []column{{"ID", shortID(t.ID), false}, {"USER", t.User, false}, {"NAME", t.Name, false}, {"SCOPE", dash(t.Scope), false},
		{"ENDS", end, false}, {"AGE", t.Created, false}}
}

func serviceColumns(s pave.Service) []column {
	cols := []column{{"NAME", s.Name, false}, {"TEAM", s.Team, false}, {"TEMPLATE", s.Template, false},
		{"ENVIRONMENTS", joined(s.Environments), false}, {"REVISION", s.Revision, false}, {"AGE", s.Created, false}}
	if !s.Deleted.IsZero() {
		cols = append(cols, column{"KEPT UNTIL", s.KeptUntil.UTC().Format(time.DateOnly), false})
	}
	return append(cols, column{"ID", shortID(s.ID), true}, column{"LAST RUN", shortID(s.LastRun), true})
}

func runColumns(r pave.Run) []column {
	took := ""
	if !r.Ended.IsZero() && !r.Started.IsZero() {
		took = seconds(r.Ended.Sub(r.Started))
	}
	return []column{{"ID", shortID(r.ID), false}, {"KIND", r.Kind, false}, {"STATE", r.State, false}, {"TITLE", r.Title, false},
		{"AGE", r.Created, false}, {"TOOK", took, false}, {"PARENT", shortID(r.Parent), true}, {"ACTOR", shortID(r.Actor), true}, {"REASON", r.Reason, true}}
}

// resourceNames: a ref is the name; the id and the name outside do too.
func resourceNames(r pave.Resource) []string {
	return []string{r.Ref.String(), r.ID, shortID(r.ID), r.ExternalID}
}

func resourceColumns(r pave.Resource) []column {
	return []column{{"KIND", r.Ref.Kind, false}, {"ENVIRONMENT", dash(string(r.Ref.Env)), false}, {"SERVICE", r.Ref.Service, false},
		{"NAME", r.ExternalID, false}, {"PROVIDER", r.Provider, false}, {"STATE", r.State, false}, {"READY", r.Ready, false},
		{"SEEN", r.Observed, false}, {"ID", shortID(r.ID), true}, {"RUN", shortID(r.Run), true}, {"REASON", r.Reason, true}}
}

func templateColumns(t pave.Template) []column {
	return []column{{"NAME", t.Name, false}, {"VERSION", t.Version, false}, {"FORMAT", t.Format, true}, {"TITLE", t.Title, false}, {"FILES", t.Files, false},
		{"OWNER", t.Owner, true}, {"SOURCE", t.Source, true}, {"RESOURCES", strings.Join(t.Resources, ", "), true}, {"ERROR", t.Error, true}}
}

func environmentColumns(e pave.Environment) []column {
	bound := []string{}
	for _, b := range e.Bindings {
		bound = append(bound, b.Kind+"="+b.Provider)
	}
	return []column{{"NAME", e.Name, false}, {"RANK", e.Rank, false}, {"PROTECTED", e.Protected, false}, {"CALLS", e.Calls, false}, {"BINDINGS", strings.Join(bound, ", "), true}}
}

func providerColumns(p pave.Provider) []column {
	var told []string
	for _, f := range p.Fields {
		if f.Required {
			told = append(told, f.Name)
		} else {
			told = append(told, "["+f.Name+"]")
		}
	}
	return []column{{"KIND", p.Kind, false}, {"NAME", p.Name, false}, {"BOUND", dash(strings.Join(p.Bound, ", ")), false}, {"IS TOLD", dash(strings.Join(told, " ")), false}}
}

func teamColumns(t pave.Team) []column {
	return []column{{"NAME", t.Name, false}, {"SERVICES", t.Services, false}, {"MEMBERS", t.Members, false}, {"AGE", t.Created, false}, {"ID", shortID(t.ID), true}}
}

func releaseColumns(r pave.Release) []column {
	return []column{{"NUMBER", r.Number, false}, {"COMMIT", fmt.Sprintf("%.7s", r.Commit), false}, {"LIVE IN", dash(joined(r.Live)), false},
		{"RUN", shortID(r.Run), false}, {"AGE", r.Created, false}, {"ID", shortID(r.ID), true}, {"COMMAND", strings.Join(r.Command, " "), true}}
}

func variableColumns(v pave.Variable) []column {
	return []column{{"NAME", v.Name, false}, {"VALUE", v.Value, false}, {"ENVIRONMENT", everywhere(v.Environment), false}, {"ORIGIN", v.Origin, false}}
}

func secretColumns(s pave.SecretName) []column {
	return []column{{"NAME", s.Name, false}, {"ENVIRONMENT", everywhere(s.Environment), false}, {"ORIGIN", s.Origin, false}}
}

// everywhere stands for no environment.
func everywhere(env pave.Name) string {
	if env == "" {
		return "all"
	}
	return string(env)
}

func entityColumns(e pave.Entity) []column {
	well := "yes"
	if e.Error != "" {
		well = "no: pave describe entity"
	}
	return []column{{"ENTITY", e.Ref, false}, {"SERVICE", dash(e.Service), false}, {"OWNER", dash(e.Owner), false}, {"FACTS", len(e.Facts), false},
		{"SEEN", e.Seen, false}, {"WELL", well, false}, {"ERROR", e.Error, true}}
}

func revisionColumns(r pave.Revision) []column {
	backing := []string{}
	for _, b := range r.Wanted.Resources {
		backing = append(backing, b.Kind+" "+string(b.Name))
	}
	return []column{{"NUMBER", r.Number, false}, {"TEAM", dash(string(r.Wanted.Team)), false}, {"TEMPLATE", dash(strings.TrimSpace(r.Wanted.Template + " " + r.Wanted.Version)), false},
		{"ENVIRONMENTS", dash(joined(r.Wanted.Environments)), false}, {"RESOURCES", dash(strings.Join(backing, ", ")), false},
		{"RUN", shortID(r.Run), false}, {"AGE", r.Created, false}}
}

func eventColumns(e pave.Event) []column {
	d := dataOf(e)
	what := d.Summary
	if d.Reason != "" {
		what = d.Reason
	}
	return []column{{"SEQ", e.Seq, false}, {"AGE", e.At, false}, {"RUN", shortID(e.Run), false}, {"TYPE", e.Type, false}, {"STEP", dash(e.Step), false},
		{"WHAT", what, false}, {"ACTOR", shortID(e.Actor), true}}
}

// dash stands for nothing in a table.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
