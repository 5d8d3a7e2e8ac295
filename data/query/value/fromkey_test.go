package value_test

import (
	"math/rand/v2"
	"testing"

	"yunduo/data/query/internal/random"
	"yunduo/data/query/value"
	"yunduo/internal/soak"
)

// Whatever can be rebuilt comes out of its key as it was, byte by byte.
func TestFromKey(t *testing.T) {
	run := soak.Start(t, 1)
	r := rand.New(rand.NewPCG(uint64(run.Seed), 6))
	rebuilt := 0
	for i := 0; i < 40_000 || run.More(); i++ {
		v := random.Value(r, 1)
		if !value.Rebuilt(v) {
			continue
		}
		rebuilt++
		k := key(t, v)
		got, ok := value.FromKey(v.Type, k)
		if !ok || got.Type != v.Type || string(got.Value) != string(v.Value) {
			t.Fatalf("%v comes out of %x as %v, %v", v, k, got, ok)
		}
		if _, ok := value.FromKey(v.Type, k[:r.IntN(len(k))]); ok {
			t.Fatalf("a part of the key of %v is one", v)
		}
	}
	if rebuilt < 5_000 {
		t.Errorf("only %d values were rebuilt: the test says little", rebuilt)
	}
}
