package redis

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
)

// within bounds each answer of a server.
const within = 5 * time.Second

// connect logs in with a URL and sees that the server answers.
func connect(ctx context.Context, address pave.Secret) (redis.Conn, error) {
	c, err := redis.DialURLContext(ctx, address.Reveal(), redis.DialConnectTimeout(within),
		redis.DialReadTimeout(within), redis.DialWriteTimeout(within))
	if err == nil {
		if _, err = redis.DoContext(c, ctx, "PING"); err == nil {
			return c, nil
		}
		c.Close()
	}
	return nil, pave.Errorf(pave.Unavailable, "connect to the cache: %s", strings.TrimSpace(err.Error())).
		WithHint("pave doctor; pave retry goes on from here")
}

// ctxError is Unavailable where the caller has given up.
func ctxError(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return pave.Errorf(pave.Unavailable, "look at the cache: %w", err)
	}
	return nil
}

// Diff says what a cache holds: its keys and the memory they take; of one whose
// server does not run, what lies on the disk.
func (d *Driver) Diff(ctx context.Context, r resource.Resource) (resource.Difference, error) {
	have, err := d.find(ctx, r)
	if err != nil || have.Name == "" {
		return resource.Difference{}, err
	}
	lost, err := d.count(ctx, r)
	if err != nil && ctx.Err() == nil {
		return resource.Difference{Lost: fmt.Sprintf("%s on disk, keys not counted", size(have.Bytes))}, nil
	}
	return resource.Difference{Lost: lost}, err
}

// count asks the server for its keys.
func (d *Driver) count(ctx context.Context, r resource.Resource) (string, error) {
	st, err := d.Node.Server(ctx, serverID(r.ExternalID))
	if err != nil {
		return "", err
	}
	if st.Owner != r.ID || !st.Ready {
		return "", pave.Errorf(pave.Unavailable, "no server runs on the data of %s", r.ExternalID)
	}
	c, err := connect(ctx, address(st.Port, userName(r, credentialsOf(r)), d.passwordOf(r, credentialsOf(r))))
	if err != nil {
		return "", err
	}
	defer c.Close()
	info, err := redis.String(redis.DoContext(c, ctx, "INFO", "everything"))
	if err != nil {
		return "", pave.Errorf(pave.Unavailable, "count the keys of %s: %w", r.ExternalID, err)
	}
	return holds(info), nil
}

var (
	keysLine   = regexp.MustCompile(`(?m)^db\d+:keys=(\d+)`)
	memoryLine = regexp.MustCompile(`(?m)^used_memory_dataset:(\d+)`)
)

// holds reads what INFO says: "3 keys (2 KB)", or "" where there is no key.
func holds(info string) string {
	keys := int64(0)
	for _, m := range keysLine.FindAllStringSubmatch(info, -1) {
		n, _ := strconv.ParseInt(m[1], 10, 64) // digits
		keys += n
	}
	if keys == 0 {
		return ""
	}
	word := "keys"
	if keys == 1 {
		word = "key"
	}
	text := fmt.Sprintf("%d %s", keys, word)
	if m := memoryLine.FindStringSubmatch(info); m != nil {
		bytes, _ := strconv.ParseInt(m[1], 10, 64) // digits
		text += fmt.Sprintf(" (%s)", size(bytes))
	}
	return text
}

func size(bytes int64) string {
	if bytes < 1<<20 {
		return fmt.Sprintf("%d KB", (bytes+1023)>>10)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/(1<<20))
}

// Make makes the throw-away cache of a pipeline run, or finds it, and returns its
// address once it serves.
func (d *Driver) Make(ctx context.Context, run string) (pave.Secret, error) {
	id, owner, password := scratchID(run), scratchOwner(run), d.password("scratch", run)
	st, err := d.Node.PutServer(ctx, node.Server{ID: id, Kind: Engine, Owner: owner, User: scratchUser, PasswordSHA256: hashOf(password)})
	for deadline := time.Now().Add(20 * time.Second); err == nil && !st.Ready; st, err = d.Node.Server(ctx, id) {
		if time.Now().After(deadline) {
			return pave.Secret{}, pave.Errorf(pave.Unavailable, "the cache of the tests does not start: %s", st.Reason).WithHint("pave doctor")
		}
		select {
		case <-ctx.Done():
			return pave.Secret{}, ctxError(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
	return address(st.Port, scratchUser, password), err
}

// Drop removes the throw-away cache of a run; absence is success.
func (d *Driver) Drop(ctx context.Context, run string) error {
	return d.Node.RemoveServer(ctx, scratchOwner(run))
}

const scratchUser = "scratch"

func scratchID(run string) string { return serverID("scratch_" + run[max(0, len(run)-26):]) }

// scratchOwner differs from the id of a resource: the sweep does not see it.
func scratchOwner(run string) string { return "scratch." + run }
