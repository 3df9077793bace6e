package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/pave-platform/pave"
)

// serviceLogs streams lines of a service's processes.
func (s *server) serviceLogs(w http.ResponseWriter, r *http.Request) error {
	q, err := logQuery(r)
	if err != nil {
		return err
	}
	return stream(w, r, func(each func(pave.LogLine) error) error {
		return s.Platform.Logs(r.Context(), r.PathValue("name"), q, each)
	})
}

// runLogs streams what the jobs of a run wrote.
func (s *server) runLogs(w http.ResponseWriter, r *http.Request) error {
	q, err := logQuery(r)
	if err != nil {
		return err
	}
	seen, err := readPlaces(q.Since)
	if err != nil {
		return err
	}
	return stream(w, r, func(each func(pave.LogLine) error) error {
		return s.Platform.RunLog(r.Context(), r.PathValue("id"), q, seen.after(each))
	})
}

// logQuery reads what of a log is wanted. Last-Event-ID, or since, is the cursor.
func logQuery(r *http.Request) (pave.LogQuery, error) {
	v := r.URL.Query()
	q := pave.LogQuery{Env: v.Get("env"), Since: v.Get("since"), Follow: v.Get("follow") == "true"}
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		q.Since = last
	}
	if t := v.Get("tail"); t != "" {
		n, err := strconv.Atoi(t)
		if err != nil {
			return q, pave.BadField("tail", t, "is no number", "for example tail=100")
		}
		q.Tail = n
	}
	return q, nil
}

// places is how many lines were seen of each step of a run: the steps go on side by
// side, but the lines of one only grow. It is the cursor of a run's log.
type places map[string]int

func readPlaces(cursor string) (places, error) {
	p := places{}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil && cursor != "" {
		err = json.Unmarshal(raw, &p)
	}
	if err != nil {
		return nil, pave.BadField("since", cursor, "is no cursor of a run's log", "the cursor of the last line seen")
	}
	return p, nil
}

func (p places) String() string {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and numbers only
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// after leaves out the lines that were seen and gives each other one its cursor.
func (p places) after(each func(pave.LogLine) error) func(pave.LogLine) error {
	skip := maps.Clone(p)
	return func(l pave.LogLine) error {
		if skip[l.Source] > 0 {
			skip[l.Source]--
			return nil
		}
		p[l.Source]++
		l.Cursor = p.String()
		return each(l)
	}
}

// stream sends lines as they come: a JSON object a line, or server-sent events where
// the caller takes those.
func stream(w http.ResponseWriter, r *http.Request, from func(each func(pave.LogLine) error) error) error {
	flush := http.NewResponseController(w)
	events := strings.Contains(r.Header.Get("Accept"), "text/event-stream")
	w.Header().Set("Content-Type", "application/x-ndjson")
	if events {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-store")
	}
	return from(func(l pave.LogLine) error {
		data, err := json.Marshal(l)
		if err != nil {
			return err
		}
		if events {
			_, err = fmt.Fprintf(w, "id: %s\nevent: line\ndata: %s\n\n", l.Cursor, data)
		} else {
			_, err = fmt.Fprintf(w, "%s\n", data)
		}
		if err != nil {
			return err
		}
		return flush.Flush()
	})
}
