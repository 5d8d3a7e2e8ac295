package embedded_test

import (
	"context"
	"errors"
	"math/rand"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

// TestBackup copies a store under load: the copy is consistent, has everything that was acknowledged before, and
// does not take the original's positions for its own.
func TestBackup(t *testing.T) {
	dir := t.TempDir()
	e := openIn(t, filepath.Join(dir, "original"), options(nil))
	w, err := newWorkload(t.Context(), e)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	errs := make([]error, 4)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = w.run(ctx, rand.New(rand.NewSource(int64(i))), i) })
	}
	w.after(50)
	at, err := e.Position(t.Context(), crashApp)
	require.NoError(t, err)
	before := w.acknowledged()
	require.NoError(t, e.Backup(t.Context(), filepath.Join(dir, "copy")))
	cancel()
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	require.Error(t, e.Backup(t.Context(), filepath.Join(dir, "copy")), "it exists")
	require.NoError(t, e.Close())

	restored := openIn(t, filepath.Join(dir, "copy"), options(nil))
	before.verify(t, restored)
	_, err = restored.Changes(t.Context(), crashApp, at)
	require.Equal(t, yunduo.ReasonPositionLost, yunduo.ReasonOf(err))
	fresh, err := restored.Position(t.Context(), crashApp)
	require.NoError(t, err)
	require.NoError(t, restored.CreateCollection(t.Context(), things, driver.CollectionOptions{}))
	insert(t, restored, bson.D{{Key: "_id", Value: 1}})
	require.NoError(t, restored.Close())

	restored = openIn(t, filepath.Join(dir, "copy"), options(nil))
	again, err := restored.Position(t.Context(), crashApp)
	require.NoError(t, err)
	require.Equal(t, fresh, again, "one new epoch, not one each time")
	require.NoError(t, restored.Close())
}
