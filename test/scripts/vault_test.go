package scripts

import (
	"os"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pave-platform/pave/internal/provider/vault/vaulttest"
)

// policy is that of docs/vault.md.
const policy = `
path "secret/data/teams/*"     { capabilities = ["create", "read", "update", "patch"] }
path "secret/metadata/teams/*" { capabilities = ["read", "list", "patch", "delete"] }
path "secret/destroy/teams/*"  { capabilities = ["update"] }`

// newVault returns a command that has a Vault server for each story, until it ends:
//
//	vault start FILE          puts its address and the role id in VAULT_ADDR and VAULT_ROLE, the secret id in FILE
//	vault has PATH KEY VALUE  looks into the store
//	vault put PATH KEY VALUE  writes there by hand
//	vault revoke|seal|unseal
func newVault() func(*testscript.TestScript, bool, []string) {
	var mu sync.Mutex
	servers := map[string]*vaulttest.Server{} // by the story's folder
	return func(ts *testscript.TestScript, neg bool, args []string) {
		mu.Lock()
		s := servers[ts.Getenv("WORK")]
		mu.Unlock()
		switch {
		case len(args) == 2 && args[0] == "start":
			start := vaulttest.Start
			if os.Getenv("PAVE_VAULTSERVER") != "" { // the real one, where it was built
				start = vaulttest.Real
			}
			s, end := start(ts)
			ts.Defer(end)
			role, secret := s.Role(policy, time.Hour)
			ts.Setenv("VAULT_ADDR", s.URL)
			ts.Setenv("VAULT_ROLE", role)
			ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(secret+"\n"), 0o600))
			mu.Lock()
			defer mu.Unlock()
			servers[ts.Getenv("WORK")] = s
		case len(args) == 4 && args[0] == "has":
			if got, ok := s.Get(args[1])[args[2]].(string); (ok && got == args[3]) == neg {
				ts.Fatalf("%s holds %q at %s", args[1], got, args[2])
			}
		case len(args) == 4 && args[0] == "put":
			s.Put(args[1], map[string]any{args[2]: args[3]})
		case len(args) == 4 && args[0] == "patch":
			s.Patch(args[1], map[string]any{args[2]: args[3]})
		case len(args) == 1 && args[0] == "revoke":
			s.Revoke()
		case len(args) == 1 && args[0] == "seal":
			s.Seal()
		case len(args) == 1 && args[0] == "unseal":
			s.Unseal()
		default:
			ts.Fatalf("usage: vault start|has|put|patch|revoke|seal|unseal")
		}
	}
}
