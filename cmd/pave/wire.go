package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/client"
	"github.com/pave-platform/pave/internal/cli"
	"github.com/pave-platform/pave/internal/embedded"
	"github.com/pave-platform/pave/internal/server"
)

// deps gives the command line its server. The configuration is read when a
// command needs it, so that help works on a machine without a home.
func deps(version string) cli.Deps {
	with := func(f func(server.Config) error) error {
		c, err := server.FromEnvironment(version)
		if err != nil {
			return err
		}
		return f(c)
	}
	found := func(get func(server.Config) (server.State, error)) (e client.Endpoint, err error) {
		err = with(func(c server.Config) error {
			s, err := get(c)
			e = client.Endpoint{URL: s.URL, Token: pave.NewSecret(s.Token), PID: s.PID, Version: s.Version}
			return err
		})
		return e, err
	}
	return cli.Deps{
		Version: version,
		Ensure: func(ctx context.Context) (client.Endpoint, error) {
			return found(func(c server.Config) (server.State, error) { return server.Ensure(ctx, c) })
		},
		Find: func(ctx context.Context) (client.Endpoint, error) {
			return found(func(c server.Config) (server.State, error) { return server.Find(ctx, c) })
		},
		Up: func(ctx context.Context, out io.Writer) error {
			return with(func(c server.Config) error {
				s, err := server.Up(ctx, c)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(out, "pave is up\n  API     %s\n  router  http://%s\n  state   %s\n", s.URL, s.Router, c.Home)
				if s.Public != "" {
					_, err = fmt.Fprintf(out, "  others  %s\n", s.Public)
				}
				if s.Fingerprint != "" {
					_, err = fmt.Fprintf(out, "  CA      SHA-256 %s\n", s.Fingerprint)
				}
				return err
			})
		},
		Down: func(ctx context.Context, out io.Writer) error {
			return with(func(c server.Config) error {
				if err := server.Down(ctx, c); err != nil {
					return err
				}
				_, err := fmt.Fprintln(out, "pave is down: server, node and everything they ran. pave up starts it again")
				return err
			})
		},
		Server: func(ctx context.Context, flags cli.ServerFlags) error {
			return with(func(c server.Config) error { return server.Run(ctx, withFlags(c, flags), os.Stderr) })
		},
		Node: func(context.Context) error {
			// The node takes signals itself: they stop its programs first.
			return with(func(c server.Config) error { return server.RunNode(context.Background(), c, os.Stderr) })
		},
		Serve:  embedded.Serve,
		Static: server.ServeStatic,
		Backup: func(ctx context.Context, out io.Writer, file, keys string) error {
			return with(func(c server.Config) error {
				file, r, err := server.Backup(ctx, c, file, keys)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(out, "%s  %d rows, %d repositories, %.1f MB, as of %s\n", file, r.Rows, len(r.Repositories),
					float64(r.Size)/1e6, r.Mark.Format(time.RFC3339))
				if keys != "" {
					_, err = fmt.Fprintf(out, "%s  the keys: keep them elsewhere\n", keys)
				}
				return err
			})
		},
		Restore: func(ctx context.Context, out io.Writer, file, keys string, replace bool) error {
			return with(func(c server.Config) error {
				r, err := server.Restore(ctx, c, file, keys, replace)
				for _, aside := range r.Aside {
					fmt.Fprintf(out, "set aside: %s\n", aside)
				}
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(out, "restored to %s, as of %s. pave up starts it: services come back by themselves,\n"+
					"their databases and caches empty until you bring the data back\n", c.Home, r.Mark.Format(time.RFC3339))
				return err
			})
		},
		LocalChecks: func(ctx context.Context) []pave.Check {
			var checks []pave.Check
			err := with(func(c server.Config) error {
				checks = server.LocalChecks(ctx, c)
				return nil
			})
			if err != nil {
				return []pave.Check{{Name: "configuration", Detail: err.Error(), Fix: pave.HintOf(err)}}
			}
			return checks
		},
	}
}

func withFlags(c server.Config, f cli.ServerFlags) server.Config {
	if f.TLS != "" || f.TLSCert != "" || f.TLSKey != "" {
		c.TLS.Local, c.TLS.Cert, c.TLS.Key = f.TLS == "local", f.TLSCert, f.TLSKey
		c.TLS.Listen = f.Listen
	} else if f.Listen != "" {
		c.Listen, c.TLS = f.Listen, server.TLS{}
	}
	c.TLS.Hosts = append(c.TLS.Hosts, f.Hosts...)
	if f.Issuer != "" {
		c.OIDC = server.OIDC{Issuer: f.Issuer, ClientID: f.ClientID, SecretFile: f.SecretFile, Groups: f.Groups}
	}
	if f.Name != "" {
		c.Name = f.Name
	}
	if f.Router != "" {
		c.Router = f.Router
	}
	c.Templates = append(c.Templates, f.Templates...)
	return c
}
