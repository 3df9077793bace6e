package git

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/pave-platform/pave"
)

// The bounds of a request.
const (
	MaxBody     = 2 << 30   // bytes of a push
	maxAsk      = 64 << 20  // bytes of what a fetch sends
	maxDuration = time.Hour // of a request
	maxRequests = 64        // at the same time
)

// A Handler serves repositories over git's smart HTTP protocol, at /NAME.git/. It
// must be made by NewHandler.
type Handler struct {
	Hooks
	logger *slog.Logger
	places chan struct{} // one for each request that runs git
	maxAsk int64
}

// Hooks are what a Handler asks its owner. All are called for each request.
type Hooks struct {
	// Authorize says who the caller is, and returns an error of the code Denied if
	// they may not read, or write, the repository; with an empty user the caller is
	// asked for credentials. Write follows from the command that will be executed.
	Authorize func(r *http.Request, repository string, write bool) (user string, err error)
	// Open returns the folder of the repository, or NotFound.
	Open func(ctx context.Context, repository string) (dir string, err error)
	// Env returns KEY=value for hooks that a push starts. May be nil.
	Env func(r *http.Request, repository, user string) []string
}

// NewHandler returns a handler that asks hooks.
func NewHandler(logger *slog.Logger, hooks Hooks) *Handler {
	return &Handler{Hooks: hooks, logger: logger, places: make(chan struct{}, maxRequests), maxAsk: maxAsk}
}

// A call is what a request wants. Command is the one thing that decides on the
// permission and on the program that runs.
type call struct {
	repository string
	command    string // upload-pack or receive-pack
	advertise  bool   // GET info/refs
}

func (c call) write() bool { return c.command != "upload-pack" }

// ServeHTTP answers the three requests of the protocol.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, err := parseCall(r)
	if err != nil {
		refuse(w, err, true)
		return
	}
	user, err := h.Authorize(r, c.repository, c.write())
	if err != nil {
		refuse(w, err, user != "")
		return
	}
	dir, err := h.Open(r.Context(), c.repository)
	if err != nil {
		refuse(w, err, true)
		return
	}
	select {
	case h.places <- struct{}{}:
		defer func() { <-h.places }()
	default:
		w.Header().Set("Retry-After", "5")
		refuse(w, pave.Errorf(pave.Unavailable, "too many git requests at the same time"), true)
		return
	}
	if err := h.serve(w, r, c, dir, user); err != nil && r.Context().Err() == nil {
		h.logger.Error("git request failed", "repository", c.repository, "command", c.command, "user", user, "error", err)
	}
}

// parseCall reads path, method and type of a request. What it does not know is
// NotFound, so that the older protocol that reads files finds nothing.
func parseCall(r *http.Request) (call, error) {
	none := pave.Errorf(pave.NotFound, "no such address for git").WithHint("the address of a repository ends in NAME.git")
	name, rest, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if !ok {
		return call{}, none
	}
	parsed, err := pave.ParseName("repository", strings.TrimSuffix(name, ".git"))
	if err != nil {
		return call{}, pave.Errorf(pave.NotFound, "no repository %.60q", name)
	}
	c := call{repository: string(parsed), command: strings.TrimPrefix(rest, "git-")}
	if c.advertise = rest == "info/refs"; c.advertise {
		service := r.URL.Query().Get("service")
		if c.command, ok = strings.CutPrefix(service, "git-"); !ok {
			return call{}, none
		}
	} else if !strings.HasPrefix(rest, "git-") {
		return call{}, none
	}
	if c.command != "upload-pack" && c.command != "receive-pack" {
		return call{}, none
	}
	want := http.MethodPost
	if c.advertise {
		want = http.MethodGet
	}
	if r.Method != want {
		return call{}, none
	}
	if kind := "application/x-git-" + c.command + "-request"; !c.advertise && r.Header.Get("Content-Type") != kind {
		return call{}, pave.Errorf(pave.Invalid, "content type %.60q is not %s", r.Header.Get("Content-Type"), kind)
	}
	return c, nil
}

// protocolPattern matches the versions a client may ask for.
var protocolPattern = regexp.MustCompile(`^[a-z0-9=:.-]{1,100}$`)

// serve runs git for the call, with the request as its input and the response as
// its output. The error is for the log; the client has its answer.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, c call, dir, user string) error {
	ctx, cancel := context.WithTimeout(r.Context(), maxDuration)
	defer cancel()
	env := []string{"REMOTE_USER=" + user}
	version := r.Header.Get("Git-Protocol")
	if !protocolPattern.MatchString(version) || c.write() {
		version = "" // pushes have no version 2, and old programs no version at all
	}
	if version != "" {
		env = append(env, "GIT_PROTOCOL="+version)
	}
	if c.write() && h.Env != nil {
		env = append(env, h.Env(r, c.repository, user)...)
	}
	out := newAnswer(w, c)
	o := Options{Dir: dir, Env: env, Stdout: out}
	args := []string{c.command, "--stateless-rpc"}
	if c.advertise {
		args = append(args, "--advertise-refs")
		if !strings.Contains(version, "version=2") {
			out.prefix = fmt.Sprintf("%04x# service=git-%s\n0000", len("0000# service=git-\n")+len(c.command), c.command)
		}
	} else {
		body, err := h.body(w, r, c)
		if err != nil {
			refuse(w, err, true)
			return nil
		}
		o.Stdin = body
		if c.write() {
			if err := unlock(dir, time.Now()); err != nil {
				h.logger.Warn("locks of a git that was killed stay", "repository", c.repository, "error", err)
			}
		}
	}
	_, err := Run(ctx, o, append(args, ".")...)
	if err != nil && !out.begun {
		refuse(w, pave.Errorf(pave.Internal, "git could not answer"), true)
	}
	return err
}

// body returns the request's body, unpacked and bounded. The connection may carry
// the answer while the body is still read, for as long as a request may take.
func (h *Handler) body(w http.ResponseWriter, r *http.Request, c call) (io.Reader, error) {
	limit := h.maxAsk
	if c.write() {
		limit = MaxBody
	}
	control := http.NewResponseController(w)
	deadline := time.Now().Add(maxDuration)
	// HTTP/2 is full duplex anyway and says that it does not support this.
	if err := errors.Join(control.EnableFullDuplex(), control.SetReadDeadline(deadline), control.SetWriteDeadline(deadline)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, pave.Errorf(pave.Internal, "preparing the connection: %w", err)
	}
	body := io.Reader(http.MaxBytesReader(w, r.Body, limit))
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "":
	case "gzip", "x-gzip":
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			return nil, pave.Errorf(pave.Invalid, "the request is not gzip: %w", err)
		}
		body = http.MaxBytesReader(w, unpacked, limit)
	default:
		return nil, pave.Errorf(pave.Invalid, "content encoding %.60q is not supported", encoding)
	}
	return body, nil
}

// An answer is a response that is sent as git writes it, so that lines of hooks are
// seen when they are written. Its status is open until the first byte.
type answer struct {
	w       http.ResponseWriter
	control *http.ResponseController
	kind    string
	prefix  string
	begun   bool
}

func newAnswer(w http.ResponseWriter, c call) *answer {
	a := &answer{w: w, control: http.NewResponseController(w), kind: "application/x-git-" + c.command + "-result"}
	if c.advertise {
		a.kind = "application/x-git-" + c.command + "-advertisement"
	}
	return a
}

func (a *answer) Write(p []byte) (int, error) {
	if !a.begun {
		a.begun = true
		a.w.Header().Set("Content-Type", a.kind)
		a.w.Header().Set("Cache-Control", "no-cache, max-age=0, must-revalidate")
		if _, err := io.WriteString(a.w, a.prefix); err != nil {
			return 0, err
		}
	}
	n, err := a.w.Write(p)
	if err == nil {
		err = a.control.Flush()
	}
	return n, err
}

// refuse answers with an error, as text, which git shows to its user. A caller who
// is not known and may not do this is asked who they are.
func refuse(w http.ResponseWriter, err error, known bool) {
	status := map[pave.Code]int{
		pave.Invalid: http.StatusBadRequest, pave.Denied: http.StatusForbidden, pave.NotFound: http.StatusNotFound,
		pave.Conflict: http.StatusConflict, pave.Policy: http.StatusForbidden, pave.Unavailable: http.StatusServiceUnavailable,
	}[pave.CodeOf(err)]
	text := err.Error()
	switch {
	case status == http.StatusForbidden && !known:
		status = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", `Basic realm="pave", charset="UTF-8"`)
	case status == 0:
		status, text = http.StatusInternalServerError, "internal error"
	}
	if hint := pave.HintOf(err); hint != "" {
		text += "\n" + hint
	}
	http.Error(w, text, status)
}
