package embedded

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/pave-platform/pave/internal/embedded/control"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/middlewares"
	"github.com/versity/versitygw/s3err"
)

// bucketServer is an S3 server with one bucket, whose objects are files. It belongs to
// nobody who can sign in: the policy of the bucket says who may do what, and only we write
// that. Older versions of objects are kept.
type bucketServer struct {
	data, bucket string
	store        *posix.Posix
	api          *s3api.S3ApiServer
	keys         *keys
}

func newS3() server { return &bucketServer{} }

const (
	bucketOwner = "pave" // who is nobody's access key
	region      = "us-east-1"
)

// version is that of versitygw, which does not say itself: what the program was built with.
func (b *bucketServer) version() string {
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/versity/versitygw" {
			return strings.TrimPrefix(m.Version, "v")
		}
	}
	return ""
}

func (b *bucketServer) start(s control.Setup) (err error) {
	b.data, b.bucket, b.keys = s.Data, s.Name, &keys{}
	dirs := map[string]string{"objects": "", "meta": "", "versions": ""}
	for name := range dirs {
		dirs[name] = filepath.Join(s.Data, name)
		if err := os.MkdirAll(dirs[name], 0o700); err != nil {
			return err
		}
	}
	side, err := meta.NewSideCar(dirs["meta"])
	if err != nil {
		return err
	}
	b.store, err = posix.New(dirs["objects"], side, posix.PosixOpts{VersioningDir: dirs["versions"], SideCarDir: dirs["meta"],
		NewDirPerm: 0o700, NewFilePerm: 0o600, Concurrency: 64})
	if err != nil {
		return err
	}
	if err := b.makeBucket(); err != nil {
		return err
	}
	if err := b.users(s.Users); err != nil {
		return err
	}
	serving := make(chan struct{})
	b.api, err = s3api.New(b.store, middlewares.RootUserConfig{Access: bucketOwner, Secret: rand.Text()}, region, b.keys, nil, nil, nil, nil,
		s3api.WithQuiet(), s3api.WithKeepAlive(), s3api.WithDisableACL(), s3api.WithConcurrencyLimiter(1000, 500), s3api.WithMpMaxParts(10_000),
		s3api.WithOnListen(func() { close(serving) }))
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- b.api.ServeMultiPort([]string{fmt.Sprintf("127.0.0.1:%d", s.Port)}) }()
	select {
	case err := <-failed:
		return err
	case <-serving:
		return nil
	case <-time.After(startTime):
		return fmt.Errorf("the S3 server does not start on %s", s.Data)
	}
}

// makeBucket makes the bucket where it is not there. One that a crash left half made has no
// owner yet, and no object: it is made again.
func (b *bucketServer) makeBucket() error {
	ctx := context.Background()
	if acl, err := b.store.GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: &b.bucket}); err != nil || len(acl) == 0 {
		_ = os.Remove(filepath.Join(b.data, "objects", b.bucket)) // refuses one that holds something
		acl, err := json.Marshal(auth.ACL{Owner: bucketOwner})
		if err != nil {
			return err
		}
		err = b.store.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &b.bucket, ObjectOwnership: types.ObjectOwnershipBucketOwnerEnforced,
			CreateBucketConfiguration: &types.CreateBucketConfiguration{}}, acl)
		if err != nil {
			return err
		}
	}
	return b.store.PutBucketVersioning(ctx, b.bucket, types.BucketVersioningStatusEnabled)
}

func (b *bucketServer) stop() {
	if b.api != nil {
		_ = b.api.ShutDown() // who is not done by then is cut off
		b.store.Shutdown()
	}
}

// What may be done with a bucket: all about its objects, and nothing that gives it to
// others, takes its versions away or removes it.
var (
	readActions = []string{"s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads", "s3:ListMultipartUploadParts", "s3:GetBucketLocation",
		"s3:GetBucketVersioning", "s3:GetBucketTagging", "s3:GetBucketCORS", "s3:GetBucketOwnershipControls", "s3:GetBucketPolicy", "s3:GetBucketPolicyStatus",
		"s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectAttributes", "s3:GetObjectVersionAttributes", "s3:GetObjectTagging", "s3:GetObjectVersionTagging"}
	writeActions = append([]string{"s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:RestoreObject", "s3:AbortMultipartUpload",
		"s3:PutObjectTagging", "s3:PutObjectVersionTagging", "s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging", "s3:PutBucketTagging", "s3:PutBucketCORS"},
		readActions...)
)

type statement struct {
	Effect    string
	Principal map[string][]string
	Action    []string
	Resource  []string
}

// users writes the policy of the bucket first and then lets in who it is about.
func (b *bucketServer) users(all []control.User) error {
	policy := struct {
		Version   string
		Statement []statement
	}{Version: "2012-10-17"}
	for _, readOnly := range []bool{false, true} {
		st := statement{"Allow", map[string][]string{"AWS": nil}, writeActions, []string{"arn:aws:s3:::" + b.bucket, "arn:aws:s3:::" + b.bucket + "/*"}}
		if readOnly {
			st.Action = readActions
		}
		for _, u := range all {
			if u.ReadOnly == readOnly {
				st.Principal["AWS"] = append(st.Principal["AWS"], u.Name)
			}
		}
		if len(st.Principal["AWS"]) > 0 {
			policy.Statement = append(policy.Statement, st)
		}
	}
	text, err := json.Marshal(policy)
	if err != nil {
		return err
	}
	if err := b.store.PutBucketPolicy(context.Background(), b.bucket, text); err != nil {
		return err
	}
	b.keys.set(all)
	return nil
}

// holds counts objects; their size is that of all versions.
func (b *bucketServer) holds() (string, error) {
	var objects, bytes uint64
	for _, dir := range []string{"objects", "versions"} {
		err := filepath.WalkDir(filepath.Join(b.data, dir, b.bucket), func(_ string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist): // removed meanwhile, or no version yet
				return nil
			case err != nil:
				return err
			case d.IsDir() && strings.HasPrefix(d.Name(), ".sgwtmp"): // uploads that are under way
				return filepath.SkipDir
			case !d.Type().IsRegular():
				return nil
			}
			if info, err := d.Info(); err == nil {
				bytes += uint64(info.Size())
			}
			if dir == "objects" {
				objects++
			}
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	if objects == 0 && bytes == 0 {
		return "", nil
	}
	return amount(objects, "object") + ", " + size(bytes), nil
}

// keys are the access keys that may sign, as the S3 server asks for them. Only the node
// changes them.
type keys struct {
	mu  sync.Mutex
	all map[string]control.User
}

func (k *keys) set(all []control.User) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all = map[string]control.User{}
	for _, u := range all {
		k.all[u.Name] = u
	}
}

// BucketOwner has everybody see the one bucket there is.
func (k *keys) BucketOwner() auth.Account {
	return auth.Account{Access: bucketOwner, Role: auth.RoleUser}
}

func (k *keys) GetUserAccount(access string) (auth.Account, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	u, ok := k.all[access]
	if !ok {
		return auth.Account{}, auth.ErrNoSuchUser
	}
	return auth.Account{Access: u.Name, Secret: u.Key, Role: auth.RoleUser}, nil
}

func (k *keys) ResolveAccounts(names []string) (missing []string, err error) {
	for _, name := range names {
		if _, err := k.GetUserAccount(name); err != nil {
			missing = append(missing, name)
		}
	}
	return missing, nil
}

var errNotHere = s3err.GetAPIError(s3err.ErrAdminMethodNotSupported)

func (k *keys) CreateAccount(auth.Account) error                  { return errNotHere }
func (k *keys) UpdateUserAccount(string, auth.MutableProps) error { return errNotHere }
func (k *keys) DeleteUserAccount(string) error                    { return errNotHere }
func (k *keys) ListUserAccounts() ([]auth.Account, error)         { return nil, errNotHere }
func (k *keys) Shutdown() error                                   { return nil }
