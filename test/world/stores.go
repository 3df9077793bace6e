package world

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// storeEngine is the engine of a server that has an owner, "" for others.
func storeEngine(server string) string {
	engine, _, ok := strings.Cut(server, "-")
	if ok && slices.Contains([]string{"redis", "nats", "s3"}, engine) {
		return engine
	}
	return ""
}

// lookStores reads the mark of every folder of a server that has an owner.
func (h *Home) lookStores(_ context.Context, s *Snapshot) error {
	s.Stores = map[string]string{}
	for _, folder := range h.names("node/servers") {
		if storeEngine(folder) == "" {
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
			s.stray("%s has no mark: %v", folder, err)
		}
		s.Stores[folder] = mark.Owner
		for _, file := range h.names("node/servers/" + folder) {
			if !slices.Contains([]string{"data", "owner.json", "redis.conf"}, file) {
				s.stray("file: node/servers/%s/%s", folder, file)
			}
		}
	}
	return nil
}
