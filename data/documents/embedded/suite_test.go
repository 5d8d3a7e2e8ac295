package embedded_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"yunduo/data/documents/documentstest"
	"yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
)

// options are small: many engines are open in one test run.
func options(fs vfs.FS) embedded.Options {
	return embedded.Options{FS: fs, CacheBytes: 8 << 20, MemtableBytes: 1 << 20, DiskReserve: -1}
}

func openIn(t testing.TB, dir string, o embedded.Options) *embedded.Engine {
	t.Helper()
	e, err := embedded.Open(dir, o)
	require.NoError(t, err)
	return e
}

func TestEngine(t *testing.T) {
	documentstest.Run(t, func(t *testing.T) driver.Engine {
		e := openIn(t, t.TempDir(), options(nil))
		t.Cleanup(func() { require.NoError(t, e.Close()) })
		return e
	})
}

func BenchmarkEngine(b *testing.B) {
	documentstest.Bench(b, func(b *testing.B) driver.Engine {
		e := openIn(b, b.TempDir(), embedded.Options{})
		b.Cleanup(func() { require.NoError(b, e.Close()) })
		return e
	})
}
