// Command vaultserver is a Vault server for tests, the real one, with its store in memory:
// a KV store of version 2 at "secret", the database engine with its plugin for PostgreSQL at
// "database", the way in by AppRole at "approle", the default policies. It listens on a free port of loopback, prints
//
//	{"address": ..., "token": the root token, "key": to unseal it}
//
// on one line, and ends with its standard input.
package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	log "github.com/hashicorp/go-hclog"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/logical/database"
	"github.com/hashicorp/vault/helper/testhelpers/corehelpers"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/plugins/database/postgresql"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
	"github.com/hashicorp/vault/vault/plugincatalog"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "vaultserver:", err)
		os.Exit(1)
	}
}

func run() error {
	logger := log.New(&log.LoggerOptions{Level: log.Error, Output: os.Stderr})
	store, err := inmem.NewInmem(nil, logger)
	if err != nil {
		return err
	}
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical: store, StorageType: "inmem", DisableMlock: true, Logger: logger,
		BuiltinRegistry:    plugins{corehelpers.NewMockBuiltinRegistry()},
		LogicalBackends:    map[string]logical.Factory{"kv": kv.Factory, "database": database.Factory},
		CredentialBackends: map[string]logical.Factory{"approle": approle.Factory},
	})
	if err != nil {
		return err
	}
	init, err := core.Initialize(context.Background(), &vault.InitParams{BarrierConfig: &vault.SealConfig{SecretShares: 1, SecretThreshold: 1}})
	if err != nil {
		return err
	}
	if _, err := core.Unseal(bytes.Clone(init.SecretShares[0])); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	handler := vaulthttp.Handler.Handler(&vault.HandlerProperties{Core: core, ListenerConfig: &configutil.Listener{Address: l.Addr().String()}})
	go func() { _ = http.Serve(l, handler) }()
	address := "http://" + l.Addr().String()
	for path, body := range map[string]string{
		"sys/mounts/secret":   `{"type": "kv", "options": {"version": "2"}}`,
		"sys/mounts/database": `{"type": "database"}`,
		"sys/auth/approle":    `{"type": "approle"}`,
	} {
		if err := post(address+"/v1/"+path, init.RootToken, body); err != nil {
			return err
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(map[string]string{"address": address, "token": init.RootToken,
		"key": base64.StdEncoding.EncodeToString(init.SecretShares[0])}); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// plugins are those that are part of the program; of databases the one for PostgreSQL is real.
type plugins struct{ plugincatalog.BuiltinRegistry }

func (p plugins) Get(name string, kind consts.PluginType) (func() (any, error), bool) {
	if name == "postgresql-database-plugin" && kind == consts.PluginTypeDatabase {
		return postgresql.New, true
	}
	return p.BuiltinRegistry.Get(name, kind)
}

func post(url, token, body string) error {
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	r.Header.Set("X-Vault-Token", token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode >= 300 {
		return fmt.Errorf("%s: %s %s", url, resp.Status, text)
	}
	return nil
}
