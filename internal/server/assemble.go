package server

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/api"
	"github.com/pave-platform/pave/internal/catalog"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/once"
	"github.com/pave-platform/pave/internal/pipeline"
	"github.com/pave-platform/pave/internal/platform"
	"github.com/pave-platform/pave/internal/provider/gitlocal"
	"github.com/pave-platform/pave/internal/provider/hcp"
	"github.com/pave-platform/pave/internal/provider/process"
	"github.com/pave-platform/pave/internal/provider/sealed"
	"github.com/pave-platform/pave/internal/provider/terraform"
	vaultkv "github.com/pave-platform/pave/internal/provider/vault"
	"github.com/pave-platform/pave/internal/release"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/source"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/webhook"
	"github.com/pave-platform/pave/internal/workflow"
)

// assemble wires every part to every other. Read it to learn what a server is
// made of.
func assemble(ctx context.Context, c Config, db *store.DB, state State, log *slog.Logger) (*instance, error) {
	key, err := c.openKey()
	if err != nil {
		return nil, err
	}
	s := &instance{cfg: c, log: log, access: access.New(db), node: node.Dial(c.socket()),
		engine: workflow.New(db, workflow.Options{Logger: log, Lease: lease, Elected: func() { c.clean(log) },
			Lost: func(r pave.Run) bool { return platform.Unbuilt(r, c.path("builds")) }})}
	token, err := c.signIn(ctx, s.access)
	if err != nil {
		return nil, err
	}
	s.state = state
	s.state.PID, s.state.Token, s.state.Version = os.Getpid(), token.Reveal(), c.Version
	if err := s.startNode(ctx); err != nil {
		return nil, err
	}
	hook, err := c.installHook()
	if err != nil {
		return nil, err
	}
	paths := &addresses{url: c.lasting(s.state.URL), router: s.state.Router}
	templates, err := c.library(ctx, db, log)
	if err != nil {
		return nil, err
	}
	shelf, err := c.shelf(key.Derive)
	if err != nil {
		return nil, err
	}
	seed := func(service pave.Name) [32]byte {
		return sha256.Sum256([]byte(key.Derive("template", string(service)).Reveal()))
	}
	repos := &repositories{dir: c.path("git"), hooks: hook, templates: templates, seed: seed,
		hooksAt: hookPlace{newJobs(c, s.node, os.Geteuid() == 0), c.path("builds")}}
	made := backings(s.node, pave.NewSecret(c.Postgres), key.Derive)
	root := os.Geteuid() == 0
	releases := release.New(db, c.path("releases"))
	vault := resource.NewVault(db, key)
	resources := resource.NewController(db, key, drivers(s.node, releaseTrees(c.path("releases")), repos, shelf,
		vault, paths, root), log)
	scratches := map[string]pipeline.Scratch{}
	for _, e := range pave.Backings {
		if b := made[e.Name]; b != nil {
			resources.Drivers.Add(e.Kind, e.Provider, b)
			scratches[e.Name] = b
		}
	}
	addHosts(resources, vault, gitlocal.Driver{Dir: repos.dir, Hooks: repos.hooks, Trees: repos, From: shelf}, key.Derive, c.Allow, s.state.Public)
	resources.Drivers.Add(pave.KindSecret, "vault", &vaultkv.Driver{Values: vault, Derive: key.Derive,
		Bounds: func(ctx context.Context) ([]resource.Bound, error) {
			return resources.Bounds(ctx, pave.KindSecret, "vault")
		}})
	resources.Drivers.Add(pave.KindDatabase, "vault", &vaultkv.Logins{Values: vault,
		Bounds: func(ctx context.Context) ([]resource.Bound, error) {
			return resources.Bounds(ctx, pave.KindDatabase, "vault")
		},
		Others: func(ctx context.Context) ([]resource.Record, error) {
			return resources.Known(ctx, pave.KindDatabase, "vault")
		}})
	modules := terraforms(c, s.node, vault, root)
	fetch := fetchModule(shelf.Fetcher)
	cloud, err := c.cloudClient()
	if err != nil {
		return nil, err
	}
	for _, d := range modules {
		d.Fetch, d.Key = fetch, key
		resources.Drivers.Add(d.Kind, "terraform", d)
		resources.Drivers.Add(d.Kind, terraform.HCP, &hcp.Driver{Kind: d.Kind, Vault: vault, Files: d.Files, HTTP: cloud,
			Bounds: func(ctx context.Context) ([]resource.Bound, error) {
				return resources.Bounds(ctx, d.Kind, terraform.HCP)
			}})
	}
	s.platform = platform.New(platform.Deps{DB: db, Engine: s.engine, Resources: resources, Vault: vault, Releases: releases,
		Catalog: catalog.New(db), Access: s.access, Templates: templates, Keep: c.Keep, Shelf: shelf, Modules: modules[0], Seed: seed, Repositories: repos,
		Node: s.node, Addresses: paths, Log: log,
		Pipeline: &pipeline.Runner{Jobs: newJobs(c, s.node, root), Dir: c.path("builds"), Scratches: scratches},
		Checks:   []func(context.Context) []pave.Check{c.checks}})
	s.platform.Checks = append(s.platform.Checks, func(ctx context.Context) []pave.Check {
		if !s.platform.Bound(ctx, "terraform") {
			return nil
		}
		return modules[0].Checks(ctx)
	})
	if s.webhooks, err = webhook.New(webhook.Options{DB: db, Access: s.access, Key: key, Events: s.platform, Allow: c.Allow, Version: c.Version, Log: log}); err != nil {
		return nil, err
	}
	if err := s.useOIDC(or(s.state.Public, s.state.URL)); err != nil {
		return nil, err
	}
	hookToken := key.Derive("hook", c.Home)
	s.handler, err = api.New(api.Options{Platform: s.platform, Access: s.access, Webhooks: s.webhooks, Once: once.New(db, key), Version: c.Version, Issuer: paths.url, Address: or(s.state.Public, s.state.URL), Hosts: c.TLS.hosts(),
		HookToken: hookToken, Keys: s.keys, Ready: s.ready, Log: log,
		Git: gitDoor{s, db, repos, hookToken}.handler()})
	return s, err
}

// drivers are those of what every service gets, by kind and provider.
func drivers(n *node.Client, trees process.Trees, repos *repositories, shelf *source.Shelf, vault sealed.Vault, paths *addresses, root bool) resource.Drivers {
	ds := resource.Drivers{}
	ds.Add(pave.KindRepository, "git", gitlocal.Driver{Dir: repos.dir, Hooks: repos.hooks, Trees: repos, From: shelf})
	ds.Add(pave.KindIdentity, "jwt", process.Identity{Node: n, Issuer: func() string { return paths.url }, OwnUID: root})
	ds.Add(pave.KindSecret, "sealed", sealed.Driver{Vault: vault})
	ds.Add(pave.KindDeployment, "process", process.Deployment{Node: n, Trees: trees, OwnUID: root})
	ds.Add(pave.KindRoute, "router", process.Route{Node: n})
	return ds
}

// terraformUID is the user that terraform runs as when the node is root: not that of
// builds, which run what anybody pushed.
const terraformUID = 69998

// terraforms are the drivers of kinds that a Terraform module may make.
func terraforms(c Config, n *node.Client, vault *resource.Vault, root bool) []*terraform.Driver {
	env := newJobs(c, n, root)
	see := map[string]string{}
	for _, k := range append([]string{"PATH"}, passed[:8]...) { // proxies and certificates
		if v := env.env[k]; v != "" {
			see[k] = v
		}
	}
	uid := 0
	if root {
		uid = terraformUID
	}
	var out []*terraform.Driver
	for _, kind := range append(slices.Clone(pave.BackingKinds), pave.KindRole) {
		out = append(out, &terraform.Driver{Kind: kind, Node: n, Vault: vault, Dir: c.path("terraform"), Program: c.Terraform, UID: uid, Env: see})
	}
	return out
}

// releaseTrees finds the tree of a release by its id.
type releaseTrees string

func (dir releaseTrees) Tree(release string) string { return filepath.Join(string(dir), release) }

// addresses says where people find things.
type addresses struct{ url, router string }

func (a *addresses) Git(service pave.Name) string { return a.url + "/git/" + string(service) + ".git" }
func (a *addresses) Run(id string) string         { return a.url + "/v1/runs/" + id }
func (a *addresses) Runs(service pave.Name) string {
	return a.url + "/services/" + string(service) + "/runs"
}
func (a *addresses) Service(service, env pave.Name) string {
	_, port, _ := strings.Cut(a.router, ":")
	return fmt.Sprintf("http://%s.%s.localhost:%s", service, env, port)
}

// addressOf is the host and port of a URL of ours.
func addressOf(url string) string { return strings.TrimPrefix(url, "http://") }
