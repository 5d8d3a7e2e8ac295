package storagetest

import (
	"crypto/sha256"
	"hash"
	"io"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo/storage/driver"
)

const (
	streamSize = 64 << 20
	// streamMemory is what a stream may add to the heap: buffers of a few parts, far less than streamSize.
	streamMemory = 40 << 20
)

// noise yields bytes that do not repeat within a part of an upload.
type noise struct {
	left, state uint64
	digest      hash.Hash
}

func (n *noise) Read(p []byte) (int, error) {
	if n.left == 0 {
		return 0, io.EOF
	}
	p = p[:min(uint64(len(p)), n.left)]
	for i := range p {
		n.state = n.state*6364136223846793005 + 1442695040888963407
		p[i] = byte(n.state >> 56)
	}
	n.left -= uint64(len(p))
	n.digest.Write(p)
	return len(p), nil
}

// heap notes the greatest live heap that it sees while bytes pass.
type heap struct {
	base, peak, seen uint64
}

func newHeap() *heap {
	h := &heap{}
	h.base = h.live()
	return h
}

func (h *heap) live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func (h *heap) Write(p []byte) (int, error) {
	h.seen += uint64(len(p))
	if h.seen >= 4<<20 {
		h.seen = 0
		h.peak = max(h.peak, h.live())
	}
	return len(p), nil
}

func (h *heap) require(t *testing.T) {
	require.Positive(t, h.peak)
	require.Less(t, int64(h.peak)-int64(h.base), int64(streamMemory), "the heap grew with the stream")
}

func testStreams(t *testing.T, b driver.Bucket) {
	for name, size := range map[string]int64{"known size": streamSize, "unknown size": -1} {
		t.Run(name, func(t *testing.T) {
			source := &noise{left: streamSize, state: 7, digest: sha256.New()}
			memory := newHeap()
			info, err := b.Put(t.Context(), "streams/large", io.TeeReader(source, memory), driver.PutOptions{Size: size})
			require.NoError(t, err)
			require.EqualValues(t, streamSize, info.Size)
			memory.require(t)

			memory = newHeap()
			reader, info, err := b.Get(t.Context(), "streams/large", driver.Range{})
			require.NoError(t, err)
			require.EqualValues(t, streamSize, info.Size)
			digest := sha256.New()
			n, err := io.Copy(io.MultiWriter(digest, memory), reader)
			require.NoError(t, err)
			require.NoError(t, reader.Close())
			require.EqualValues(t, streamSize, n)
			require.Equal(t, source.digest.Sum(nil), digest.Sum(nil), "the bytes differ")
			memory.require(t)
			require.NoError(t, b.Delete(t.Context(), "streams/large"))
		})
	}
}
