package functions_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo/functions"
	"yunduo/functions/runtime"
)

// noting remembers what is loaded.
type noting struct {
	runtime.Runtime
	fetches sync.Map // by function
}

func (n *noting) Load(ctx context.Context, b runtime.Bundle) (runtime.Program, error) {
	n.fetches.Store(b.Function, b.Fetches)
	return n.Runtime.Load(ctx, b)
}

func TestDeploy_KeepsWhetherCodeLoadsFetch(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir, functions.Options{})
	h.deploy(t, "asks", "new Response('')\nexports.main = () => 'asks'")
	h.deploy(t, "rests", returning("rests"))
	h.close()

	n := &noting{Runtime: shared}
	h = openWith(t, dir, functions.Options{}, n)
	for name, want := range map[string]bool{"asks": true, "rests": false} {
		require.Equal(t, `"`+name+`"`, h.call(t, name))
		fetches, _ := n.fetches.Load(name)
		require.Equal(t, want, fetches, name)
	}
}
