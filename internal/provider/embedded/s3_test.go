package embedded

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/pave-platform/pave"
)

// buckets keeps each key as an object.
var buckets = client{
	put: func(address pave.Secret, key, value string) error {
		c, bucket := s3Client(address)
		_, err := c.PutObject(context.Background(), &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: strings.NewReader(value)})
		return err
	},
	get: func(address pave.Secret, key string) (string, error) {
		c, bucket := s3Client(address)
		out, err := c.GetObject(context.Background(), &s3.GetObjectInput{Bucket: bucket, Key: &key})
		if err != nil {
			return "", err
		}
		defer out.Body.Close()
		data, err := io.ReadAll(out.Body)
		return string(data), err
	},
	lost: `^2 objects, \d+ KB$`,
}

// s3Client is what an SDK makes of the variables of a service, without a word of code
// about paths or hosts.
func s3Client(address pave.Secret) (*s3.Client, *string) {
	out := pave.OutputsOf(address)
	bucket := out["name"].Reveal()
	return s3.New(s3.Options{Region: out["region"].Reveal(), BaseEndpoint: aws.String(out["endpoint"].Reveal()), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(out["user"].Reveal(), out["password"].Reveal(), "")}), &bucket
}

// A client that others wrote does what services do with buckets, and not what none may.
func TestBucket(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	st := ready(t, g.s3, g.s3.fresh())
	c, bucket := s3Client(st.Secrets["url"])
	ctx := t.Context()

	buckets.fill(t, st.Secrets["url"], "a/b.txt", "one")
	buckets.fill(t, st.Secrets["url"], "a/b.txt", "two")
	buckets.fill(t, st.Secrets["url"], "a/c", "three")
	list, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String("a/")})
	if err != nil || len(list.Contents) != 2 || *list.Contents[0].Key != "a/b.txt" {
		t.Errorf("list: %+v, %v", list, err)
	}
	all, err := c.ListBuckets(ctx, &s3.ListBucketsInput{})
	if err != nil || len(all.Buckets) != 1 || *all.Buckets[0].Name != *bucket {
		t.Errorf("buckets: %+v, %v", all, err)
	}
	versions, err := c.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: bucket, Prefix: aws.String("a/b.txt")})
	if err != nil || len(versions.Versions) != 2 {
		t.Errorf("versions: %+v, %v", versions, err)
	}
	multipart(t, c, bucket)
	presigned(t, c, bucket)
	if _, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String("a/c")}); err != nil {
		t.Error("delete:", err)
	}
	if _, err := buckets.get(st.Secrets["url"], "a/c"); err == nil {
		t.Error("a deleted object is there")
	}
	if got, err := http.Get(st.Outputs["endpoint"] + "/" + *bucket + "/a/b.txt"); err != nil || got.StatusCode != http.StatusForbidden {
		t.Errorf("without a signature: %v, %v", got, err)
	}
	for what, try := range map[string]func() error{
		"a public policy": func() error {
			_, err := c.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: bucket, Policy: aws.String(
				`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::` + *bucket + `/*"}]}`)})
			return err
		},
		"a public ACL": func() error {
			_, err := c.PutBucketAcl(ctx, &s3.PutBucketAclInput{Bucket: bucket, ACL: types.BucketCannedACLPublicRead})
			return err
		},
		"no versions": func() error {
			_, err := c.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: bucket,
				VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusSuspended}})
			return err
		},
		"another bucket": func() error {
			_, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("another")})
			return err
		},
		"its own end": func() error {
			_, err := c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: bucket})
			return err
		},
	} {
		if try() == nil {
			t.Errorf("a service may have %s", what)
		}
	}
	if got, err := http.Get(st.Outputs["endpoint"] + "/" + *bucket + "/a/b.txt"); err != nil || got.StatusCode != http.StatusForbidden {
		t.Errorf("without a signature, at the end: %v, %v", got, err)
	}
}

func multipart(t *testing.T, c *s3.Client, bucket *string) {
	ctx, key := t.Context(), aws.String("large")
	up, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: bucket, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	var parts []types.CompletedPart
	want := bytes.Repeat([]byte("pave "), 1<<20+1000)
	for i, part := range [][]byte{want[:len(want)-1000], want[len(want)-1000:]} {
		n := aws.Int32(int32(i + 1))
		out, err := c.UploadPart(ctx, &s3.UploadPartInput{Bucket: bucket, Key: key, UploadId: up.UploadId, PartNumber: n, Body: bytes.NewReader(part)})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, types.CompletedPart{ETag: out.ETag, PartNumber: n})
	}
	_, err = c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: bucket, Key: key, UploadId: up.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	if got, err := io.ReadAll(out.Body); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes of %d, %v", len(got), len(want), err)
	}
}

func presigned(t *testing.T, c *s3.Client, bucket *string) {
	p := s3.NewPresignClient(c)
	good, err := p.PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: aws.String("a/b.txt")}, s3.WithPresignExpires(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	bent := strings.Replace(good.URL, "a/b.txt", "a/c", 1)
	for url, want := range map[string]string{good.URL: "two", bent: ""} {
		got, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(got.Body)
		got.Body.Close()
		if ok := got.StatusCode == http.StatusOK; ok != (want != "") || ok && string(data) != want || errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %s, %q, %v", url, got.Status, data, err)
		}
	}
}
