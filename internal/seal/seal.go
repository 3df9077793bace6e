// Package seal is the one way to seal a secret at rest: age with an X25519 key
// that lies in a file of its own, outside the state it protects and outside the
// backups of that state.
//
// It knows files and bytes; what is sealed, and where the sealed bytes are kept,
// is its callers' business.
package seal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"github.com/pave-platform/pave"
)

// maxPlain bounds what Open reads, so that a forged file cannot fill memory.
const maxPlain = 64 << 20

// A Key seals and opens. It is safe for concurrent use and prints as dots.
type Key struct{ identity *age.X25519Identity }

// String returns dots: a key is a secret.
func (k *Key) String() string { return pave.Secret{}.String() }

// LoadOrCreate reads the key at path, or makes it: file 0600, folder 0700. Two
// callers at once get the same key. A key that others may read is refused
// (Denied), a file that is no key is Invalid, a full or read-only disk
// Unavailable.
func LoadOrCreate(path string) (*Key, error) {
	k, err := load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if err := create(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, pave.Errorf(pave.Unavailable, "cannot write the key %q: %w", path, err).
			WithHint("check that the folder %s is writable and the disk is not full", filepath.Dir(path))
	}
	return load(path)
}

func load(path string) (*Key, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, pave.Errorf(pave.Denied, "cannot read the key %q: %w", path, err).
			WithHint("run as the user who owns %s", filepath.Dir(path))
	}
	if !info.Mode().IsRegular() {
		return nil, pave.Errorf(pave.Invalid, "the key %q is not a file", path).WithHint("name a file, not a folder")
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, pave.Errorf(pave.Denied, "the key %q may be read by others (mode %04o)", path, info.Mode().Perm()).
			WithHint("chmod 600 %s", path)
	}
	dir, err := os.Stat(filepath.Dir(path))
	if err == nil && dir.Mode().Perm()&0o022 != 0 && dir.Mode()&fs.ModeSticky == 0 {
		return nil, pave.Errorf(pave.Denied, "others may write to the folder of the key %q (mode %04o)", path, dir.Mode().Perm()).
			WithHint("chmod 700 %s", filepath.Dir(path))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, pave.Errorf(pave.Denied, "cannot read the key %q: %w", path, err).
			WithHint("run as the user who owns %s", path)
	}
	identity, err := age.ParseX25519Identity(strings.TrimSpace(string(data)))
	if err != nil { // the cause is dropped: it may quote the key
		return nil, pave.Errorf(pave.Invalid, "the file %q is not a key", path).
			WithHint("restore the key from your backup of keys; without it nothing sealed can be opened")
	}
	return &Key{identity}, nil
}

// create writes a new key beside path and links it there, so that the file is
// whole or absent and an older key is never replaced.
func create(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".key-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = io.WriteString(tmp, identity.String()+"\n")
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Seal encrypts s. Two calls give different bytes.
func (k *Key) Seal(s pave.Secret) ([]byte, error) { return k.seal([]byte(s.Reveal())) }

// Open decrypts what Seal made. Bytes that were changed, or sealed with another
// key, are Invalid.
func (k *Key) Open(sealed []byte) (pave.Secret, error) {
	plain, err := k.open(sealed)
	return pave.NewSecret(string(plain)), err
}

// SealJSON encrypts the JSON of v. A pave.Secret inside v prints as dots there
// too: v must carry revealed values.
func (k *Key) SealJSON(v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return k.seal(plain)
}

// OpenJSON decrypts what SealJSON made into v.
func (k *Key) OpenJSON(sealed []byte, v any) error {
	plain, err := k.open(sealed)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(plain, v); err != nil { // the cause may quote the secret
		return pave.Errorf(pave.Invalid, "sealed data is not of the expected form").
			WithHint("it was written by another version of pave, or for another purpose")
	}
	return nil
}

func (k *Key) seal(plain []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := age.Encrypt(&out, k.identity.Recipient())
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	if _, err := w.Write(plain); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return out.Bytes(), nil
}

func (k *Key) open(sealed []byte) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), k.identity)
	if err != nil {
		return nil, notOpened(err)
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxPlain+1))
	if err != nil {
		return nil, notOpened(err)
	}
	if len(plain) > maxPlain {
		return nil, pave.Errorf(pave.Invalid, "sealed data is over %d MiB", maxPlain>>20)
	}
	return plain, nil
}

func notOpened(err error) error {
	return pave.Errorf(pave.Invalid, "sealed data cannot be opened with this key: %w", err).
		WithHint("restore the key it was sealed with, or restore the data from a backup")
}
