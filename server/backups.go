package server

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"yunduo"
	documents "yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
	"yunduo/server/backup"
	"yunduo/storage/disk"
	"yunduo/storage/driver"
)

const (
	documentsDir = "documents"
	objectsDir   = "objects"
	storeFile    = "store.id" // names the data directory; no part of backups, so that a restored one is another
	// takingPrefix begins the folders in the data directory in which a backup is put together.
	takingPrefix = "backup-"
)

// backups takes backups of a data directory while it is in use.
type backups struct {
	dataDir string
	version string
	engine  *embedded.Engine
	bucket  *disk.Bucket // nil if objects are kept elsewhere
	running sync.Mutex
}

// buildBackups lets operators take backups of the server.
func (s *Server) buildBackups(engine documents.Engine, bucket driver.Bucket) error {
	own, ok := engine.(*embedded.Engine)
	if !ok {
		s.rooms.Backup = func(context.Context, io.Reader, io.Writer) error {
			return yunduo.Errorf(yunduo.ReasonUnsupportedCall, "this server keeps its documents in MongoDB: back up that deployment with its own tools")
		}
		return nil
	}
	b := &backups{dataDir: s.config.DataDir, version: s.config.Version, engine: own}
	b.bucket, _ = bucket.(*disk.Bucket)
	s.rooms.Backup = b.take
	return b.removeLeftovers()
}

// removeLeftovers deletes what backups left behind that a crash ended.
func (b *backups) removeLeftovers() error {
	left, err := filepath.Glob(filepath.Join(b.dataDir, takingPrefix+"*"))
	for _, name := range left {
		err = errors.Join(err, os.RemoveAll(name))
	}
	return err
}

// take writes a backup of everything that was acknowledged before the call to out. known is the manifest of an earlier
// one, nil or empty for none: files that it has are not sent again.
func (b *backups) take(ctx context.Context, known io.Reader, out io.Writer) (err error) {
	if !b.running.TryLock() {
		return yunduo.Errorf(yunduo.ReasonRateLimited, "another backup is running")
	}
	defer b.running.Unlock()
	earlier, err := readKnown(known)
	if err != nil {
		return err
	}
	header := backup.Header{Version: b.version, CreatedAt: time.Now().UTC().Truncate(time.Millisecond), Objects: "s3", Secret: "environment", Positions: map[string]backup.Position{}}
	if header.Store, err = b.store(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(b.dataDir, takingPrefix)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	checkpoint := func() error {
		for app, at := range b.engine.Positions() {
			header.Positions[string(app)] = backup.Position{Epoch: at.Epoch, Offset: at.Offset}
		}
		return b.engine.Backup(ctx, filepath.Join(dir, documentsDir))
	}
	if b.bucket == nil {
		err = checkpoint()
	} else {
		header.Objects = "disk"
		err = b.bucket.Snapshot(ctx, filepath.Join(dir, objectsDir), checkpoint)
	}
	if err != nil {
		return err
	}
	secret, err := os.ReadFile(filepath.Join(b.dataDir, secretFile))
	switch {
	case err == nil && os.Getenv(secretVariable) == "":
		header.Secret = "file"
		err = os.WriteFile(filepath.Join(dir, secretFile), secret, 0o600)
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	if err != nil {
		return err
	}
	return backup.Send(ctx, out, dir, header, earlier)
}

// maxKnown bounds the manifest that a client sends. Without one everything is sent.
const maxKnown = 256 << 20

func readKnown(r io.Reader) (*backup.Manifest, error) {
	if r == nil {
		return nil, nil
	}
	var first [1]byte
	if n, err := io.ReadFull(r, first[:]); n == 0 {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return nil, err
	}
	known, err := backup.Decode(io.LimitReader(io.MultiReader(strings.NewReader(string(first[:])), r), maxKnown))
	if err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "the earlier backup cannot be read: %s", err.Error())
	}
	return known, nil
}

// store returns the name of the data directory, which is made up at its first backup.
func (b *backups) store() (string, error) {
	name := filepath.Join(b.dataDir, storeFile)
	text, err := os.ReadFile(name)
	if err == nil && len(text) > 0 {
		return strings.TrimSpace(string(text)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	id := base64.RawURLEncoding.EncodeToString([]byte(yunduo.NewID()))
	return id, os.WriteFile(name, []byte(id+"\n"), 0o600)
}

// Backup writes a backup of the data directory of a server that does not run to out, as a running one does for
// operators. known is the manifest of an earlier backup, nil for none.
func Backup(ctx context.Context, dataDir, version string, known io.Reader, out io.Writer) (err error) {
	if _, err := os.Stat(filepath.Join(dataDir, documentsDir)); err != nil {
		return fmt.Errorf("%s is no data directory: %w", dataDir, err)
	}
	if used, err := embedded.InUse(filepath.Join(dataDir, documentsDir)); err != nil {
		return err
	} else if used {
		return fmt.Errorf("a server uses %s: let it make the backup, with --server", dataDir)
	}
	engine, err := embedded.Open(filepath.Join(dataDir, documentsDir), embedded.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	b := &backups{dataDir: dataDir, version: version, engine: engine}
	if _, err := os.Stat(filepath.Join(dataDir, objectsDir)); err == nil {
		if b.bucket, err = disk.Open(filepath.Join(dataDir, objectsDir)); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.bucket.Close()) }()
	}
	if err := b.removeLeftovers(); err != nil {
		return err
	}
	return b.take(ctx, known, out)
}
