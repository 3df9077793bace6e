// Package client is the API of pave for Go programs and for the command line. It
// speaks to the server over HTTP, turns problems back into pave errors, and makes
// a server that restarts go unnoticed: it looks up address and token again, and
// sends again what may be sent twice.
//
// Dial is the usual way to begin; New is for callers that find or start a server
// themselves. There is a method for every route, all in the words of the root package;
// errors are *pave.Error, of which pave.CodeOf and pave.HintOf tell code and next
// command. What changes something carries an idempotency key of its own, so that a
// call that was cut off is carried out once.
//
// It knows no command and no output.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/pave-platform/pave"
)

// Endpoint is where a server answers, and with which token.
type Endpoint struct {
	URL     string
	Token   pave.Secret
	PID     int
	Version string
	// CA is the certificate that the server's is checked against, as PEM; empty is
	// what the machine trusts.
	CA []byte
}

// Options of a client. Only Server is required.
type Options struct {
	// Server says where the server is; it may start one. It is asked again when
	// the server stops answering or refuses the token, for both change with a
	// restart.
	Server     func(context.Context) (Endpoint, error)
	Command    string // the pave command that calls, "" for other programs
	Invocation string // one id for all calls of one command
	Version    string // of the caller
	// Patience is how long a server that was there may be away; 0 is 60 s.
	Patience time.Duration
}

const (
	defaultPatience = 60 * time.Second
	// firstPatience is for a server that never answered.
	firstPatience = 5 * time.Second
	// callTimeout bounds one call that is not a stream.
	callTimeout = 2 * time.Minute
	// maxAnswer bounds the body of an answer, in bytes.
	maxAnswer = 32 << 20
	// silence is how long a stream may say nothing; the server says every 15 s
	// that it lives.
	silence = 45 * time.Second
)

// ErrUnreachable is in the chain of an error that says that no server could be
// dialled.
var ErrUnreachable = errors.New("no connection to the server")

// A Client calls one server. It may be used by several goroutines.
type Client struct {
	o    Options
	http *http.Client

	mu       sync.Mutex
	at       Endpoint
	known    bool
	answered bool // the server has answered once
}

var (
	_ pave.Transitions = (*Client)(nil)
	_ pave.Runs        = (*Client)(nil)
	_ pave.Reader      = (*Client)(nil)
	_ pave.Templates   = (*Client)(nil)
	_ pave.People      = (*Client)(nil)
	_ pave.Webhooks    = (*Client)(nil)
)

// New returns a client. It calls nobody yet.
func New(o Options) *Client {
	if o.Patience == 0 {
		o.Patience = defaultPatience
	}
	if o.Invocation == "" {
		o.Invocation = pave.NewID("inv")
	}
	return &Client{o: o, http: newHTTP(nil)}
}

// newHTTP is how a server is called whose certificate a CA vouches for.
func newHTTP(ca []byte) *http.Client {
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(ca) > 0 {
		trust.RootCAs = x509.NewCertPool()
		trust.RootCAs.AppendCertsFromPEM(ca)
	}
	return &http.Client{
		Transport: &http.Transport{
			// No proxy: the token of a server goes nowhere else.
			Proxy:           nil,
			DialContext:     (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSClientConfig: trust,
			IdleConnTimeout: 30 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close ends idle connections.
func (c *Client) Close() { c.transport().CloseIdleConnections() }

func (c *Client) transport() *http.Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.http
}

// Endpoint says where the server is; it may start it.
func (c *Client) Endpoint(ctx context.Context) (Endpoint, error) { return c.endpoint(ctx, false) }

// endpoint returns what is known, or asks again.
func (c *Client) endpoint(ctx context.Context, again bool) (Endpoint, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known && !again {
		return c.at, nil
	}
	at, err := c.o.Server(ctx)
	if err != nil {
		return Endpoint{}, err
	}
	if !bytes.Equal(at.CA, c.at.CA) {
		c.http = newHTTP(at.CA)
	}
	c.at, c.known = at, true
	return at, nil
}

func (c *Client) sawAnswer() {
	c.mu.Lock()
	c.answered = true
	c.mu.Unlock()
}

// patience is how long to go on trying to reach the server.
func (c *Client) patience() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.answered {
		return min(firstPatience, c.o.Patience)
	}
	return c.o.Patience
}
