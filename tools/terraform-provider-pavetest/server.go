package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// A server is the URL of a PostgreSQL superuser.
type server string

func (s server) do(ctx context.Context, f func(*pgx.Conn) error) error {
	c, err := pgx.Connect(ctx, string(s))
	if err != nil {
		return fmt.Errorf("connect to the server: %w", err)
	}
	defer c.Close(context.WithoutCancel(ctx))
	return f(c)
}

func (s server) exec(ctx context.Context, statement string) error {
	return s.do(ctx, func(c *pgx.Conn) error {
		_, err := c.Exec(ctx, statement)
		return err
	})
}

// address is host and port of the server.
func (s server) address() (host string, port int64, err error) {
	c, err := pgx.ParseConfig(string(s))
	if err != nil {
		return "", 0, errors.New("the URL of the server cannot be read") // the error of pgx may hold it
	}
	return c.Host, int64(c.Port), nil
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

func text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func password() string { return "pvcnry_" + rand.Text() }

// fault does what the file PAVETEST_FAULTS says of a place, such as
// "database.create.after": "die" ends the provider, "fail" is an error, "slow" takes
// 5 s, "talk" is 10,000 lines of warning.
func fault(place string) (warning string, err error) {
	content, err := os.ReadFile(os.Getenv("PAVETEST_FAULTS"))
	if err != nil {
		return "", nil // no file, no fault
	}
	for line := range strings.Lines(string(content)) {
		at, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		if at != place {
			continue
		}
		switch what {
		case "die":
			os.Exit(3)
		case "fail":
			return "", fmt.Errorf("the fault of %s", place)
		case "slow":
			time.Sleep(5 * time.Second)
		case "talk":
			return strings.Repeat("a line of a provider that talks a lot\n", 10_000), nil
		}
	}
	return "", nil
}
