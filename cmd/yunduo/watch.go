package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long files must be quiet before a change is acted on: editors write in several steps.
const settle = 60 * time.Millisecond

// watchTree tells, on the returned channel, which paths below the roots have changed, a batch at a time, until ctx
// ends. Hidden folders and node_modules are not looked into.
func watchTree(ctx context.Context, roots []string) (<-chan []string, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	for _, root := range roots {
		if err := addFolders(w, root); err != nil {
			return nil, errors.Join(err, w.Close())
		}
	}
	batches := make(chan []string)
	go func() {
		defer close(batches)
		defer w.Close()
		collect(ctx, w, batches)
	}()
	return batches, nil
}

func collect(ctx context.Context, w *fsnotify.Watcher, batches chan<- []string) {
	pending := map[string]bool{}
	quiet := time.NewTimer(time.Hour)
	quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case event, ok := <-w.Events:
			if !ok {
				return
			}
			if event.Op == fsnotify.Chmod || ignored(filepath.Base(event.Name)) {
				continue
			}
			if event.Op.Has(fsnotify.Create) {
				// What was written before the watch began is part of this change, so nothing is missed.
				_ = addFolders(w, event.Name)
			}
			pending[event.Name] = true
			quiet.Reset(settle)
		case _, ok := <-w.Errors: // an overflow: treat it as a change of everything
			if !ok {
				return
			}
			for _, path := range w.WatchList() {
				pending[path] = true
			}
			quiet.Reset(settle)
		case <-quiet.C:
			paths := make([]string, 0, len(pending))
			for path := range pending {
				paths = append(paths, path)
			}
			clear(pending)
			select {
			case batches <- paths:
			case <-ctx.Done():
				return
			}
		}
	}
}

// addFolders watches a folder and those inside; a file or something that has gone is no error.
func addFolders(w *fsnotify.Watcher, root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if !d.IsDir() {
			return nil
		}
		if path != root && ignored(d.Name()) {
			return fs.SkipDir
		}
		if err := w.Add(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	})
}

func ignored(name string) bool {
	return strings.HasPrefix(name, ".") || name == "node_modules" || strings.HasSuffix(name, "~")
}
