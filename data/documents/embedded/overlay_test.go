package embedded

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// TestOverlay walks random overlays at random in both directions and compares with a sorted list.
func TestOverlay(t *testing.T) {
	for seed := range int64(30) {
		overlayOnce(t, rand.New(rand.NewSource(seed)))
	}
}

func overlayOnce(t *testing.T, r *rand.Rand) {
	e, err := Open("store", Options{FS: vfs.NewMem(), CacheBytes: 1 << 20, MemtableBytes: 1 << 20, DiskReserve: -1})
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	model := map[string]string{}
	key := func() string { return fmt.Sprintf("k%02d", r.Intn(40)) }
	for range r.Intn(40) {
		k := key()
		model[k] = "base"
		require.NoError(t, e.db.Set([]byte(k), []byte("base"), pebble.NoSync))
	}
	s := e.newSnapshot()
	defer func() { require.NoError(t, s.release()) }()
	o := newOverlay(s)
	for range r.Intn(40) {
		if k := key(); r.Intn(2) == 0 {
			o.set([]byte(k), []byte("own"))
			model[k] = "own"
		} else {
			o.remove([]byte(k))
			delete(model, k)
		}
	}
	lower, upper := fmt.Sprintf("k%02d", r.Intn(15)), fmt.Sprintf("k%02d", 25+r.Intn(20))
	var keys []string
	for k := range model {
		if k >= lower && k < upper {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	it, err := o.iterate([]byte(lower), []byte(upper))
	require.NoError(t, err)
	defer func() { require.NoError(t, it.Close()) }()
	at := len(keys)
	for range 200 {
		target := key()
		below, _ := slices.BinarySearch(keys, target)
		var got bool
		switch op := r.Intn(8); {
		case op == 0:
			got, at = it.First(), 0
		case op == 1:
			got, at = it.Last(), len(keys)-1
		case op == 2:
			got, at = it.SeekGE([]byte(target)), below
		case op == 3:
			got, at = it.SeekLT([]byte(target)), below-1
		case at < 0 || at >= len(keys):
			continue // a step from nowhere is not needed
		case op < 6:
			got, at = it.Next(), at+1
		default:
			got, at = it.Prev(), at-1
		}
		require.Equal(t, at >= 0 && at < len(keys), got)
		require.Equal(t, got, it.Valid())
		if got {
			require.Equal(t, keys[at], string(it.Key()))
			v, err := it.ValueAndErr()
			require.NoError(t, err)
			require.Equal(t, model[keys[at]], string(v))
		}
	}
	for k := range 40 {
		name := fmt.Sprintf("k%02d", k)
		v, closer, err := o.Get([]byte(name))
		if want, ok := model[name]; ok {
			require.NoError(t, err)
			require.Equal(t, want, string(v))
			require.NoError(t, closer.Close())
		} else {
			require.ErrorIs(t, err, pebble.ErrNotFound)
		}
	}
}
