package node_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"yunduo/functions/node"
	"yunduo/functions/runtime"
)

var pssLine = regexp.MustCompile(`(?m)^Pss:\s+(\d+) kB`)

// BenchmarkMemory reports the proportional memory of processes that have answered one call.
func BenchmarkMemory(b *testing.B) {
	const processes = 20
	for range b.N {
		r := newRuntime(b, node.Options{Sandbox: node.SandboxRequire})
		for i := range processes {
			p, err := r.Load(b.Context(), runtime.Bundle{App: "a", Function: strconv.Itoa(i), Code: []byte("exports.main = async e => e")})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := p.Invoke(b.Context(), &runtime.Invocation{ID: "i", Event: json.RawMessage("{}")}); err != nil {
				b.Fatal(err)
			}
		}
		total, n := 0, 0
		entries, err := os.ReadDir("/proc")
		if err != nil {
			b.Fatal(err)
		}
		for _, entry := range entries {
			status, err := os.ReadFile("/proc/" + entry.Name() + "/status")
			if err != nil || !strings.Contains(string(status), "Name:\tnode\n") || !strings.Contains(string(status), fmt.Sprintf("PPid:\t%d\n", os.Getpid())) {
				continue
			}
			rollup, err := os.ReadFile("/proc/" + entry.Name() + "/smaps_rollup")
			if m := pssLine.FindSubmatch(rollup); err == nil && m != nil {
				kb, _ := strconv.Atoi(string(m[1]))
				total += kb
				n++
			}
		}
		b.ReportMetric(float64(total)/float64(n)/1024, "MiB-PSS/process")
		r.Close(context.Background())
	}
}
