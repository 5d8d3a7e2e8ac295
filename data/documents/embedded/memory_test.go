package embedded_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
)

func TestContainerMemory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "memory.max")
	for text, want := range map[string]int64{"max\n": 1 << 62, "536870912\n": 512 << 20, "": 1 << 62, "-1": 1 << 62} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		require.Equal(t, want, embedded.ContainerMemory(file), text)
	}
	require.EqualValues(t, 1<<62, embedded.ContainerMemory(filepath.Join(t.TempDir(), "none")))
}

// TestQueryPool: sorts together cannot take more than the pool, and give it back.
func TestQueryPool(t *testing.T) {
	o := options(nil)
	o.QueryBytes, o.QueryPoolBytes = 1<<20, 3<<19
	e := openIn(t, t.TempDir(), o)
	require.NoError(t, e.CreateCollection(t.Context(), things, driver.CollectionOptions{}))
	for i := range 90 {
		insert(t, e, bson.D{{Key: "_id", Value: i}, {Key: "n", Value: -i}, {Key: "fill", Value: string(make([]byte, 10_000))}})
	}
	sorted := driver.Find{Sort: mustSort(bson.D{{Key: "n", Value: 1}})}
	for range 3 {
		first, err := e.Find(t.Context(), things, sorted)
		require.NoError(t, err)
		_, err = e.Find(t.Context(), things, sorted)
		require.Equal(t, yunduo.ReasonQueryTooExpensive, yunduo.ReasonOf(err), "%v", err)
		require.NoError(t, first.Close())
	}
	require.Zero(t, e.QueryMemory())
	require.NoError(t, e.Close())
}
