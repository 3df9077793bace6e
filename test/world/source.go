package world

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/pave-platform/pave"
)

// Repository makes a git repository in dir with a commit for each text of a file.
func (h *Home) Repository(dir, file string, texts ...string) error {
	if _, err := git(dir, "init", "-q", "-b", "trunk"); err != nil {
		return err
	}
	for i, text := range texts {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			return err
		}
		for _, args := range [][]string{{"add", "-A"}, {"-c", "user.name=dev", "-c", "user.email=dev@localhost", "commit", "-q", "-m", fmt.Sprint("change ", i+1)}} {
			if _, err := git(dir, args...); err != nil {
				return err
			}
		}
	}
	return nil
}

// Bring sends the history of a repository, as pave adopt does, again while the server
// dies on it.
func (h *Home) Bring(dir string) (pave.Repository, error) {
	var out pave.Repository
	head, err := git(dir, "rev-parse", "HEAD")
	if err != nil {
		return out, err
	}
	about, err := json.Marshal(pave.Repository{Address: dir, Commit: strings.TrimSpace(head)})
	if err != nil {
		return out, err
	}
	pack := exec.Command("git", "-C", dir, "pack-objects", "--revs", "--stdout", "-q")
	pack.Stdin = strings.NewReader(head)
	data, err := pack.Output()
	if err != nil {
		return out, err
	}
	body := append(append(about, '\n'), data...)
	err = eventually(h.Patience, func() error {
		s := h.Stat()
		req, err := http.NewRequest(http.MethodPut, s.URL+"/v1/repositories", bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+s.Token)
		resp, err := plain.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("send the repository: %s", resp.Status)
		}
		return json.NewDecoder(resp.Body).Decode(&out)
	})
	return out, err
}
