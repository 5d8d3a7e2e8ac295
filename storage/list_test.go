package storage_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"yunduo"
	"yunduo/storage"
	"yunduo/storage/driver"
)

func TestList(t *testing.T) {
	f := setUp(t, storage.Options{})
	all := []string{"A", "a", "a/1", "a/2", "a/图", "b!", "b/x", "图/一", "图/二"}
	var hers []string
	for i, path := range all {
		caller := owner("one")
		if i%2 == 0 {
			caller = user("one", "alice")
			hers = append(hers, path)
		}
		f.write(t, caller, path, path)
	}
	f.write(t, user("one", "bob"), "龙", "bob's")
	f.write(t, user("two", "alice"), "aa", "elsewhere")
	list := func(caller yunduo.Caller, prefix string, limit int) (paths []string) {
		request := storage.ListRequest{Prefix: prefix, Limit: limit}
		for {
			page, err := f.List(t.Context(), caller, request)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page.Files), limit)
			for _, file := range page.Files {
				require.Equal(t, yunduo.AppID("one"), file.App)
				paths = append(paths, file.Path)
			}
			if page.Next == "" {
				return paths
			}
			request.After = page.Next
		}
	}
	for _, limit := range []int{1, 3, 1000} {
		require.Equal(t, append(slices.Clone(all), "龙"), list(owner("one"), "", limit))
		require.Equal(t, hers, list(user("one", "alice"), "", limit), "an end user sees her own files")
		require.Equal(t, []string{"a", "a/1", "a/2", "a/图"}, list(owner("one"), "a", limit))
		require.Equal(t, []string{"a/1", "a/2", "a/图"}, list(owner("one"), "a/", limit))
		require.Equal(t, []string{"图/一", "图/二"}, list(owner("one"), "图", limit))
		require.Empty(t, list(owner("one"), "none", limit))
		require.Empty(t, list(yunduo.Caller{App: "one", Role: yunduo.RoleAnonymous}, "", limit))
	}
	require.NoError(t, f.SetRules(t.Context(), owner("one"), "adminonly"))
	require.Empty(t, list(user("one", "alice"), "", 10))
	for _, limit := range []int{-1, 1001} {
		_, err := f.List(t.Context(), owner("one"), storage.ListRequest{Limit: limit})
		reason(t, yunduo.ReasonInvalidRequest, err)
	}
}

func TestParallelWriters(t *testing.T) {
	f := setUp(t, storage.Options{})
	t.Run("20 files do not mix", func(t *testing.T) {
		var group errgroup.Group
		for i := range 20 {
			group.Go(func() error {
				_, err := f.Write(t.Context(), user("one", fmt.Sprint(i%3)), fmt.Sprintf("p/%d", i), strings.NewReader(fmt.Sprintf("file %d", i)), "")
				return err
			})
		}
		require.NoError(t, group.Wait())
		for i := range 20 {
			got, err := f.read(t.Context(), owner("one"), fmt.Sprintf("cloud://one/p/%d", i))
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf("file %d", i), got)
		}
	})
	t.Run("one file, many writers and readers", func(t *testing.T) {
		f.write(t, owner("one"), "one", strings.Repeat("x", 1000))
		before := f.objects(t)
		var group errgroup.Group
		for i := range 10 {
			group.Go(func() error {
				for range 10 {
					if _, err := f.Write(t.Context(), owner("one"), "one", strings.NewReader(strings.Repeat(fmt.Sprint(i), 1000)), ""); err != nil {
						return err
					}
				}
				return nil
			})
			group.Go(func() error {
				for range 30 {
					got, err := f.read(t.Context(), owner("one"), "cloud://one/one")
					if err != nil {
						return err
					}
					if len(got) != 1000 || got != strings.Repeat(got[:1], 1000) {
						return fmt.Errorf("a mixture: %q", got)
					}
				}
				return nil
			})
		}
		require.NoError(t, group.Wait())
		require.Equal(t, before, f.objects(t), "no bytes without a file are left")
	})
	t.Run("two users race for a name: one gets it", func(t *testing.T) {
		for round := range 10 {
			path := fmt.Sprintf("race/%d", round)
			results := make(chan error, 8)
			for i := range cap(results) {
				go func() {
					_, err := f.Write(t.Context(), user("one", fmt.Sprint(i)), path, strings.NewReader(fmt.Sprint(i)), "")
					results <- err
				}()
			}
			won := 0
			for range cap(results) {
				if err := <-results; err == nil {
					won++
				} else {
					reason(t, yunduo.ReasonFileDenied, err)
				}
			}
			require.Equal(t, 1, won)
			file, err := f.Stat(t.Context(), owner("one"), "cloud://one/"+path)
			require.NoError(t, err)
			got, err := f.read(t.Context(), owner("one"), file.ID)
			require.NoError(t, err)
			require.Equal(t, file.Owner, got, "owner and bytes are of the same writer")
		}
	})
}

func TestReplacedWhileOpen(t *testing.T) {
	f := setUp(t, storage.Options{})
	file := f.write(t, owner("one"), "x", "old")
	object, err := f.Open(t.Context(), owner("one"), file.ID)
	require.NoError(t, err)
	f.write(t, owner("one"), "x", "newer")
	body, err := object.Open(t.Context(), driver.Range{})
	require.NoError(t, err)
	got, err := io.ReadAll(body)
	require.NoError(t, err)
	require.NoError(t, body.Close())
	require.Equal(t, "newer", string(got))
	require.EqualValues(t, 5, object.File().Size, "the description follows")
	_, err = f.Delete(t.Context(), owner("one"), []string{file.ID})
	require.NoError(t, err)
	_, err = object.Open(t.Context(), driver.Range{})
	reason(t, yunduo.ReasonFileNotFound, err)
}
