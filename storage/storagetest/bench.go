package storagetest

import (
	"bytes"
	"fmt"
	"io"
	"sync/atomic"
	"testing"

	"yunduo/storage/driver"
)

// Bench measures a bucket: durable puts and gets of small and large objects, one at a time and in parallel.
func Bench(b *testing.B, h Harness) {
	for _, size := range []int{1 << 10, 100 << 10, 8 << 20} {
		content := pattern(size, 1)
		b.Run(fmt.Sprintf("put/%dKiB", size>>10), func(b *testing.B) {
			bucket := h.Open(b)
			defer bucket.Close()
			b.SetBytes(int64(size))
			for i := 0; b.Loop(); i++ {
				benchPut(b, bucket, fmt.Sprintf("bench/%d", i%1000), content)
			}
		})
		b.Run(fmt.Sprintf("put-parallel/%dKiB", size>>10), func(b *testing.B) {
			bucket := h.Open(b)
			defer bucket.Close()
			b.SetBytes(int64(size))
			b.SetParallelism(8)
			var next atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					benchPut(b, bucket, fmt.Sprintf("bench/%d", next.Add(1)%1000), content)
				}
			})
		})
		b.Run(fmt.Sprintf("get/%dKiB", size>>10), func(b *testing.B) {
			bucket := h.Open(b)
			defer bucket.Close()
			benchPut(b, bucket, "bench/one", content)
			b.SetBytes(int64(size))
			for b.Loop() {
				reader, _, err := bucket.Get(b.Context(), "bench/one", driver.Range{})
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, reader); err != nil || int(n) != size {
					b.Fatal(n, err)
				}
				if err := reader.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func benchPut(b *testing.B, bucket driver.Bucket, key string, content []byte) {
	if _, err := bucket.Put(b.Context(), key, bytes.NewReader(content), driver.PutOptions{Size: int64(len(content))}); err != nil {
		b.Error(err)
	}
}
