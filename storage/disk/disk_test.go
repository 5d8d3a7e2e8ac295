package disk_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo/storage/disk"
	"yunduo/storage/driver"
	"yunduo/storage/storagetest"
)

func harness() storagetest.Harness {
	dirs := map[driver.Bucket]string{}
	open := func(t testing.TB, dir string) driver.Bucket {
		b, err := disk.Open(dir)
		require.NoError(t, err)
		dirs[b] = dir
		return b
	}
	return storagetest.Harness{
		Open: func(t testing.TB) driver.Bucket { return open(t, t.TempDir()) },
		Reopen: func(t testing.TB, b driver.Bucket) driver.Bucket {
			require.NoError(t, b.Close())
			return open(t, dirs[b])
		},
	}
}

func TestBucket(t *testing.T) { storagetest.Run(t, harness()) }

func BenchmarkBucket(b *testing.B) { storagetest.Bench(b, harness()) }
