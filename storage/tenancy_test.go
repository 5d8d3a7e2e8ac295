package storage_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/storage"
	"yunduo/storage/driver"
)

var errBroken = errors.New("the line broke")

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errBroken }

// actions are everything that a caller can do with a file that exists.
var actions = map[string]func(*testing.T, *fixture, yunduo.Caller, storage.File) error{
	"stat": func(t *testing.T, f *fixture, c yunduo.Caller, file storage.File) error {
		_, err := f.Stat(t.Context(), c, file.ID)
		return err
	},
	"read": func(t *testing.T, f *fixture, c yunduo.Caller, file storage.File) error {
		_, err := f.read(t.Context(), c, file.ID)
		return err
	},
	"sign": func(t *testing.T, f *fixture, c yunduo.Caller, file storage.File) error {
		_, err := f.SignDownload(t.Context(), c, file.ID, 0)
		return err
	},
	"write": func(t *testing.T, f *fixture, c yunduo.Caller, file storage.File) error {
		_, err := f.Write(t.Context(), c, file.Path, strings.NewReader("new"), "")
		return err
	},
	"grant": func(t *testing.T, f *fixture, c yunduo.Caller, file storage.File) error {
		_, err := f.GrantUpload(t.Context(), c, storage.GrantRequest{Path: file.Path})
		return err
	},
	"delete": func(t *testing.T, f *fixture, c yunduo.Caller, file storage.File) error {
		results, err := f.Delete(t.Context(), c, []string{file.ID})
		if err != nil {
			return err
		}
		return results[0].Err
	},
}

var reads = []string{"stat", "read", "sign"}

func TestPresets(t *testing.T) {
	creator, other := user("one", "alice"), user("one", "bob")
	nobody := yunduo.Caller{App: "one", Role: yunduo.RoleAnonymous}
	for preset, may := range map[string]struct{ creatorReads, creatorWrites, otherReads bool }{
		"private":    {true, true, false},
		"readonly":   {true, true, true},
		"adminwrite": {true, false, true},
		"adminonly":  {false, false, false},
	} {
		for action, do := range actions {
			t.Run(preset+"/"+action, func(t *testing.T) {
				f := setUp(t, storage.Options{})
				file := f.write(t, creator, "avatar.png", "of alice")
				require.Equal(t, "alice", file.Owner)
				require.NoError(t, f.SetRules(t.Context(), owner("one"), preset))
				isRead := action == "stat" || action == "read" || action == "sign"
				for _, stranger := range []yunduo.Caller{other, nobody} {
					check(t, isRead && may.otherReads, do(t, f, stranger, file))
				}
				check(t, isRead && may.creatorReads || !isRead && may.creatorWrites, do(t, f, creator, file))
				file = f.write(t, function("one", ""), "avatar.png", "again")
				require.NoError(t, do(t, f, owner("one"), file))
			})
		}
	}
}

func check(t *testing.T, allowed bool, err error) {
	t.Helper()
	if allowed {
		require.NoError(t, err)
		return
	}
	reason(t, yunduo.ReasonFileDenied, err)
}

func TestRules(t *testing.T) {
	f := setUp(t, storage.Options{})
	preset, err := f.Rules(t.Context(), user("one", "alice"))
	require.NoError(t, err)
	require.Equal(t, "private", preset, "two end users cannot see each other's files unless the app says so")
	require.NoError(t, f.SetRules(t.Context(), owner("one"), "READONLY"))
	preset, err = f.Rules(t.Context(), owner("one"))
	require.NoError(t, err)
	require.Equal(t, "readonly", preset)
	preset, err = f.Rules(t.Context(), owner("two"))
	require.NoError(t, err)
	require.Equal(t, "private", preset, "the other app keeps its own")
	reason(t, yunduo.ReasonInvalidRules, f.SetRules(t.Context(), owner("one"), "everything"))
	for _, caller := range []yunduo.Caller{user("one", "alice"), function("one", "alice"), {}} {
		reason(t, yunduo.ReasonPermissionDenied, f.SetRules(t.Context(), caller, "readonly"))
	}
}

func TestAppsAreApart(t *testing.T) {
	f := setUp(t, storage.Options{})
	require.NoError(t, f.SetRules(t.Context(), owner("two"), "readonly"))
	mine := f.write(t, user("one", "alice"), "same/path", "one's")
	for _, stranger := range []yunduo.Caller{owner("two"), function("two", "alice"), user("two", "alice")} {
		for action, do := range actions {
			if action == "write" || action == "grant" {
				continue // these name a path, which is one of the caller's own app
			}
			reason(t, yunduo.ReasonFileNotFound, do(t, f, stranger, mine))
		}
	}
	theirs := f.write(t, user("two", "alice"), "same/path", "two's")
	require.NotEqual(t, mine.ID, theirs.ID)
	got, err := f.read(t.Context(), user("one", "alice"), mine.ID)
	require.NoError(t, err)
	require.Equal(t, "one's", got)
	page, err := f.List(t.Context(), owner("two"), storage.ListRequest{})
	require.NoError(t, err)
	require.Equal(t, []storage.File{theirs}, page.Files)
}

func TestCallersWithoutAnApp(t *testing.T) {
	f := setUp(t, storage.Options{})
	file := f.write(t, owner("one"), "x", "x")
	for _, caller := range []yunduo.Caller{{}, {App: "one"}, {Role: yunduo.RoleOwner}, {Role: yunduo.RoleUser, OpenID: "alice"}} {
		for name, do := range actions {
			err := do(t, f, caller, file)
			require.Equal(t, yunduo.ReasonPermissionDenied, yunduo.ReasonOf(err), "%s by %+v", name, caller)
		}
		_, err := f.List(t.Context(), caller, storage.ListRequest{})
		reason(t, yunduo.ReasonPermissionDenied, err)
		reason(t, yunduo.ReasonPermissionDenied, f.DropApp(t.Context(), caller))
	}
}

func TestOwnership(t *testing.T) {
	f := setUp(t, storage.Options{})
	t.Run("a function's file belongs to the user it acts for", func(t *testing.T) {
		file := f.write(t, function("one", "alice"), "code.png", "qr")
		for _, action := range reads {
			require.NoError(t, actions[action](t, f, user("one", "alice"), file))
			reason(t, yunduo.ReasonFileDenied, actions[action](t, f, user("one", "bob"), file))
		}
	})
	t.Run("a privileged caller replaces, the owner stays", func(t *testing.T) {
		f.write(t, user("one", "alice"), "photo", "by alice")
		file := f.write(t, function("one", "bob"), "photo", "made smaller")
		require.Equal(t, "alice", file.Owner)
		require.NoError(t, actions["read"](t, f, user("one", "alice"), file))
		reason(t, yunduo.ReasonFileDenied, actions["read"](t, f, user("one", "bob"), file))
	})
	t.Run("a file of nobody is not one of a user without an ID", func(t *testing.T) {
		file := f.write(t, owner("one"), "logo", "x")
		nobody := yunduo.Caller{App: "one", Role: yunduo.RoleAnonymous}
		for _, do := range actions {
			reason(t, yunduo.ReasonFileDenied, do(t, f, nobody, file))
		}
		_, err := f.Write(t.Context(), nobody, "mine", strings.NewReader("x"), "")
		reason(t, yunduo.ReasonFileDenied, err)
	})
}

func TestDropApp(t *testing.T) {
	f := setUp(t, storage.Options{})
	gone := f.write(t, user("one", "alice"), "x", "x")
	kept := f.write(t, user("one-more", "alice"), "x", "x")
	require.NoError(t, f.SetRules(t.Context(), owner("one"), "readonly"))
	for _, caller := range []yunduo.Caller{user("one", "alice"), function("one", "")} {
		reason(t, yunduo.ReasonPermissionDenied, f.DropApp(t.Context(), caller))
	}
	require.NoError(t, f.DropApp(t.Context(), owner("one")))
	_, err := f.Stat(t.Context(), owner("one"), gone.ID)
	reason(t, yunduo.ReasonFileNotFound, err)
	preset, err := f.Rules(t.Context(), owner("one"))
	require.NoError(t, err)
	require.Equal(t, "private", preset)
	require.Equal(t, 1, f.objects(t))
	_, err = f.read(t.Context(), owner("one-more"), kept.ID)
	require.NoError(t, err)
}

func TestSweep(t *testing.T) {
	f := setUp(t, storage.Options{})
	f.now = time.Now()
	file := f.write(t, owner("one"), "kept", "kept")
	for _, key := range []string{"files/one/202605/orphan", "files/two/202605/orphan", "bundles/abc"} {
		_, err := f.bucket.Put(t.Context(), key, strings.NewReader("x"), driver.PutOptions{Size: 1})
		require.NoError(t, err)
	}
	removed, err := f.Sweep(t.Context())
	require.NoError(t, err)
	require.Zero(t, removed, "they may still be on their way in")
	f.now = f.now.Add(storage.SweepAge + time.Minute)
	removed, err = f.Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, removed)
	require.Equal(t, 2, f.objects(t), "the file's bytes and what other rooms keep are left alone")
	_, err = f.read(t.Context(), owner("one"), file.ID)
	require.NoError(t, err)
}
