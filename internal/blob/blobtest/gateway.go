// Package blobtest gives tests a real S3-compatible server: versitygw on a
// temporary folder. It is for tests only.
package blobtest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// GatewayVersion is the versitygw that is used.
const GatewayVersion = "v1.8.0"

const (
	accessKey = "test-access"
	secretKey = "test-secret-key"
)

// Gateway starts a server with one empty bucket and returns the bucket's URL
// for blob.Open. It sets the AWS_* variables of the test, so that the test
// cannot be parallel. The server ends with the test.
func Gateway(t *testing.T) string {
	t.Helper()
	bin := binary(t)
	root := t.TempDir()
	for _, dir := range []string{"data/recordings", "meta"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	cmd := exec.Command(bin, "--port", addr, "--access", accessKey, "--secret", secretKey, "--quiet",
		"posix", "--sidecar", filepath.Join(root, "meta"), filepath.Join(root, "data"))
	log, err := os.Create(filepath.Join(root, "gateway.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("start versitygw: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		log.Close()
	})
	waitUntilItAnswers(t, "http://"+addr, log.Name())
	t.Setenv("AWS_ACCESS_KEY_ID", accessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return fmt.Sprintf("s3://recordings?endpoint=http://%s", addr)
}

func waitUntilItAnswers(t *testing.T, base, log string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, "GET", base+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
			return
		}
		select {
		case <-ctx.Done():
			text, _ := os.ReadFile(log)
			t.Fatalf("versitygw does not answer:\n%s", text)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

var build = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("STENO_TEST_VERSITYGW"); path != "" {
		return path, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "steno-test-tools", "versitygw-"+GatewayVersion)
	path := filepath.Join(dir, "versitygw")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	cmd := exec.Command("go", "install", "github.com/versity/versitygw/cmd/versitygw@"+GatewayVersion)
	cmd.Dir = os.TempDir() // outside the module
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build versitygw %s: %w\n%s", GatewayVersion, err, out)
	}
	return path, nil
})

// binary returns the path of versitygw, which is built once per machine.
func binary(t *testing.T) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatalf("the S3 tests need versitygw: %v", err)
	}
	return path
}
