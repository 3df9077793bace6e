package world

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// lookCaches reads the mark of every folder of a Redis server.
func (h *Home) lookCaches(_ context.Context, s *Snapshot) error {
	s.Caches = map[string]string{}
	for _, folder := range h.names("node/servers") {
		name, ok := strings.CutPrefix(folder, "redis-")
		if !ok {
			if folder != "postgres" {
				s.stray("file: node/servers/%s", folder)
			}
			continue
		}
		var mark struct{ Owner string }
		data, err := os.ReadFile(filepath.Join(h.Dir, "node", "servers", folder, "owner.json"))
		if err == nil {
			err = json.Unmarshal(data, &mark)
		}
		if err != nil {
			s.stray("cache %s has no mark: %v", name, err)
		}
		s.Caches[name] = mark.Owner
		for _, file := range h.names("node/servers/" + folder) {
			if !slices.Contains([]string{"data", "owner.json", "redis.conf"}, file) {
				s.stray("file: node/servers/%s/%s", folder, file)
			}
		}
	}
	return nil
}
