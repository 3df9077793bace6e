package rabbitmq

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
)

// A session speaks to the management API as its administrator.
type session struct {
	http     http.Client
	base     string
	password pave.Secret
	port     int    // of AMQP
	version  string // "rabbitmq 3.10"
}

// starting says that the server is on its way. Left as it is, it is worth a retry.
type starting struct{ err *pave.Error }

func (s starting) Error() string { return s.err.Error() }
func (s starting) Unwrap() error { return s.err }

func isStarting(err error) bool { return errors.As(err, new(starting)) }

// open finds the server. start decides whether it may be started; without it one that was
// never started is NotFound.
func (d *Driver) open(ctx context.Context, start bool) (*session, error) {
	password := d.password("admin", "")
	st, err := d.Node.Server(ctx, serverID)
	if pave.CodeOf(err) == pave.NotFound && start {
		st, err = d.Node.PutServer(ctx, node.Server{ID: serverID, Kind: Engine, User: admin, PasswordSHA256: hashOf(password)})
		if pave.CodeOf(err) == pave.Conflict { // another step was first: its server is ours too
			st, err = d.Node.Server(ctx, serverID)
		}
	}
	if err != nil {
		return nil, err
	}
	if !st.Ready {
		reason := "RabbitMQ is starting"
		if st.Reason != "" {
			reason = "RabbitMQ: " + st.Reason
		}
		return nil, starting{pave.Errorf(pave.Unavailable, "%s", reason).WithHint("pave doctor")}
	}
	parts := strings.SplitN(st.Version, ".", 3)
	return &session{http: http.Client{Timeout: 20 * time.Second}, base: st.Admin, password: password, port: st.Port,
		version: "rabbitmq " + strings.Join(parts[:min(2, len(parts))], ".")}, nil
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 16 << 20

// path is the path of a thing in the API.
func path(parts ...string) string {
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return "/api/" + strings.Join(parts, "/")
}

// call calls the API. That a thing to delete is not there is success; that one to read is
// not is NotFound; everything else is worth a retry.
func (s *session) call(ctx context.Context, method, path string, body, into any) error {
	var in io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, in)
	if err != nil {
		return err
	}
	req.SetBasicAuth(admin, s.password.Reveal())
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.http.Do(req)
	if err != nil {
		return unavailable("%s %s: %w", method, path, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case err != nil:
		return unavailable("%s %s: %w", method, path, err)
	case resp.StatusCode == http.StatusNotFound && method == "DELETE":
		return nil
	case resp.StatusCode == http.StatusNotFound:
		return pave.Errorf(pave.NotFound, "RabbitMQ has no %s", path)
	case resp.StatusCode >= 300:
		var why struct{ Reason string }
		_ = json.Unmarshal(data, &why) // else the status says what there is to say
		return unavailable("%s %s: %s %s", method, path, resp.Status, why.Reason)
	case into == nil:
		return nil
	}
	if err := json.Unmarshal(data, into); err != nil {
		return unavailable("%s %s: %w", method, path, err)
	}
	return nil
}

func unavailable(format string, args ...any) error {
	return pave.Errorf(pave.Unavailable, "RabbitMQ: "+format, args...).WithHint("pave doctor; pave retry goes on from here")
}

// holds counts queues and messages: "2 queues, 31 messages", "" for no queue.
func (s *session) holds(ctx context.Context, vhost string) (string, error) {
	var queues []struct{ Messages int64 }
	if err := s.call(ctx, "GET", path("queues", vhost)+"?disable_stats=true&enable_queue_totals=true", nil, &queues); err != nil || len(queues) == 0 {
		return "", err
	}
	total := int64(0)
	for _, q := range queues {
		total += q.Messages
	}
	return fmt.Sprintf("%d %s, %d %s", len(queues), plural(int64(len(queues)), "queue"), total, plural(total, "message")), nil
}

func plural(n int64, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}
