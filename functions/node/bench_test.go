package node_test

import (
	"testing"

	"yunduo/functions/node"
)

func BenchmarkSandboxed(b *testing.B) { suite(node.Options{Sandbox: node.SandboxRequire}).Benchmark(b) }

func BenchmarkPlain(b *testing.B) { suite(node.Options{Sandbox: node.SandboxOff}).Benchmark(b) }
