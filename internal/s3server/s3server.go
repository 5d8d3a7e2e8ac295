// Package s3server runs a real S3 server for tests: versitygw, built from its Go module.
package s3server

import (
	"context"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

const (
	accessKey = "yunduo-test"
	secretKey = "yunduo-test-secret"
)

// Start starts an empty server on the loopback interface, which stops with the test, and returns the address of a
// bucket on it in the form of s3.ParseURL. The first start on a machine builds the server, which takes a minute.
func Start(t testing.TB, bucket string) string {
	t.Helper()
	binary := build(t)
	data := t.TempDir()
	for range 5 {
		if host, ok := run(t, binary, data); ok {
			return "s3://" + accessKey + ":" + secretKey + "@" + host + "/" + bucket + "?region=us-east-1&insecure=1"
		}
	}
	t.Fatal("the S3 server did not start")
	return ""
}

// build returns the server's executable from the Go build cache.
func build(t testing.TB) string {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	command := exec.Command("go", "tool", "-n", "versitygw")
	command.Dir = filepath.Join(filepath.Dir(file), "versitygw")
	var problems strings.Builder
	command.Stderr = &problems
	path, err := command.Output()
	if err != nil {
		t.Fatalf("the S3 server cannot be built: %v\n%s", err, problems.String())
	}
	return strings.TrimSpace(string(path))
}

// run starts the server on a free port and waits until it answers; false if it ended, because somebody else took the
// port first.
func run(t testing.TB, binary, data string) (host string, ok bool) {
	t.Helper()
	host = freePort(t)
	log := &strings.Builder{}
	command := exec.Command(binary, "--port", host, "--access", accessKey, "--secret", secretKey, "--health", "/health", "--quiet",
		"posix", data)
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		t.Fatalf("the S3 server cannot be started: %v", err)
	}
	ended, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		_ = command.Wait() // killed below, or it gave up; its output says why
	}()
	t.Cleanup(func() {
		_ = command.Process.Kill() // fails only if it has ended already
		<-ended.Done()
	})
	for {
		if reply, err := http.Get("http://" + host + "/health"); err == nil {
			reply.Body.Close()
			return host, true
		}
		select {
		case <-ended.Done():
			t.Logf("the S3 server ended: %s", log)
			return "", false
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func freePort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
