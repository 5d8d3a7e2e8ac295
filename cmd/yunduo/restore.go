package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
	"yunduo/data/interchange"
	client "yunduo/sdk/go"
	"yunduo/server/backup"
	"yunduo/wire"
)

func restoreCommand(l language) *cobra.Command {
	var data, name, at, confirm string
	var replace bool
	cmd := &cobra.Command{Use: "restore [BACKUPS]", Short: l.say(backupTexts.restore), Args: cobra.MaximumNArgs(1)}
	connect := targetFlags(cmd)
	cmd.Flags().StringVar(&data, "data", "", "make this data directory out of the backup")
	cmd.Flags().StringVar(&name, "backup", "", "which backup of the folder; default: the newest, or the newest up to --at")
	cmd.Flags().StringVar(&at, "at", "", "the moment to go back to, such as 2026-01-31T08:00:00Z or 2h (ago)")
	cmd.Flags().BoolVar(&replace, "replace", false, "move a data directory aside that is not empty")
	cmd.Flags().StringVar(&confirm, "confirm", "", "the app's ID once more: all its documents are exchanged")
	cmd.MarkFlagsMutuallyExclusive("data", "confirm")
	cmd.MarkFlagsMutuallyExclusive("data", "app")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var moment time.Time
		if at != "" {
			var err error
			if moment, err = parseMoment(at); err != nil {
				return err
			}
		}
		if data != "" {
			if len(args) == 0 {
				return errors.New("which backup folder?")
			}
			return restoreData(cmd, l, args[0], name, moment, data, replace)
		}
		if moment.IsZero() {
			return errors.New("give --data to restore a data directory, or --at to take an app back")
		}
		c, t, err := connect(".")
		if err != nil {
			return err
		}
		if confirm != t.App {
			return fmt.Errorf("all documents of the app %q will be exchanged: give --confirm %s", t.App, t.App)
		}
		if len(args) == 0 {
			return rewindApp(cmd, l, c, t, moment)
		}
		return restoreAppFrom(cmd, l, args[0], name, c, t, moment)
	}
	return cmd
}

// restoreData makes a data directory out of a backup.
func restoreData(cmd *cobra.Command, l language, folder, name string, moment time.Time, data string, replace bool) error {
	target, err := backup.Open(folder, false)
	if err != nil {
		return err
	}
	if name == "" && !moment.IsZero() {
		if name, err = newestUpTo(target, moment); err != nil {
			return err
		}
	}
	m, err := target.Load(name)
	if err != nil {
		return err
	}
	if m == nil {
		return fmt.Errorf("there is no backup in %s", folder)
	}
	if used, err := embedded.InUse(filepath.Join(data, "documents")); err != nil || used {
		if used {
			err = fmt.Errorf("a server uses %s: stop it first", data)
		}
		return err
	}
	shown := &byteCount{total: m.Bytes(), out: terminal(cmd.ErrOrStderr())}
	aside, err := target.Restore(cmd.Context(), m, data, replace, shown.add)
	shown.end()
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	fmt.Fprintln(out, l.say(backupTexts.restored, data, m.CreatedAt.Local().Format(time.DateTime)))
	if aside != "" {
		fmt.Fprintln(out, l.say(backupTexts.aside, aside))
	}
	_, err = fmt.Fprintln(out, l.say(backupTexts.next, data))
	return err
}

func newestUpTo(target *backup.Target, moment time.Time) (string, error) {
	names, err := target.List()
	if err != nil {
		return "", err
	}
	found := ""
	for _, name := range names {
		if t, err := backup.TimeOf(name); err == nil && !t.After(moment) {
			found = name
		}
	}
	if found == "" {
		return "", fmt.Errorf("all backups are younger than %s", moment.Local().Format(time.DateTime))
	}
	return found, nil
}

// rewindApp lets the server take an app back by its own change log.
func rewindApp(cmd *cobra.Command, l language, c *client.Client, t target, moment time.Time) error {
	ctx := cmd.Context()
	status, err := c.RestoreApp(ctx, wire.RestoreAppRequest{At: &moment, Confirm: t.App})
	if err != nil {
		return err
	}
	screen := terminal(cmd.ErrOrStderr())
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for status.State == "running" {
		select {
		case <-ctx.Done():
			return ctx.Err() // the server goes on
		case <-ticker.C:
		}
		if status, err = c.RestoreAppStatus(ctx); err != nil {
			return err
		}
		if screen != nil && status.Collection != "" {
			total := max(status.Total, status.Documents) // counted now: then there may have been more
			fmt.Fprintf(screen, "\r\x1b[K%s", l.say(backupTexts.restoringApp, status.Collection, status.Documents, total))
		}
	}
	if screen != nil {
		fmt.Fprint(screen, "\r\x1b[K")
	}
	switch {
	case status.Error != nil:
		return errors.New(status.Error.Message)
	case status.State != "done":
		return errors.New("the server was restarted; nothing has changed, begin again")
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), l.say(backupTexts.restoredApp, t.App, moment.Local().Format(time.DateTime), status.Documents))
	return err
}

// restoreAppFrom takes an app back by a backup, whose change log reaches from when it was made to some time before.
func restoreAppFrom(cmd *cobra.Command, l language, folder, name string, c *client.Client, t target, moment time.Time) error {
	store, err := backup.Open(folder, false)
	if err != nil {
		return err
	}
	if name == "" {
		if name, err = oldestFrom(store, moment); err != nil {
			return err
		}
		if name == "" {
			return errors.New(l.say(backupTexts.noClock, folder, moment.Local().Format(time.DateTime)))
		}
	}
	m, err := store.Load(name)
	if err != nil {
		return err
	}
	var result wire.RestoredArchive
	err = withDocuments(cmd.Context(), store, folder, m, func(engine *embedded.Engine) error {
		var listed pastCollections
		if err := engine.CopyPast(cmd.Context(), yunduo.AppID(t.App), moment, &listed); err != nil {
			return err
		}
		r, w := io.Pipe()
		go func() {
			_ = w.CloseWithError(writePast(cmd.Context(), engine, yunduo.AppID(t.App), moment, listed.collections, w))
		}()
		defer r.Close()
		result, err = c.RestoreArchive(cmd.Context(), t.App, r)
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), l.say(backupTexts.restoredApp, t.App, moment.Local().Format(time.DateTime), result.Documents))
	return err
}

// oldestFrom names the first backup that was made at the moment or later.
func oldestFrom(store *backup.Target, moment time.Time) (string, error) {
	names, err := store.List()
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if t, err := backup.TimeOf(name); err == nil && !t.Before(moment.Truncate(time.Millisecond)) {
			return name, nil
		}
	}
	return "", nil
}

// pastCollections notes which collections an app had.
type pastCollections struct{ collections []interchange.Collection }

// Create notes a collection.
func (s *pastCollections) Create(_ context.Context, info driver.CollectionInfo, indexes []driver.Index) error {
	s.collections = append(s.collections, interchange.Collection{Name: info.Name, Indexes: indexes})
	return nil
}

// Insert drops documents.
func (s *pastCollections) Insert(context.Context, string, []bson.Raw) error { return nil }

// writePast writes an app as it was as an archive.
func writePast(ctx context.Context, engine *embedded.Engine, app yunduo.AppID, moment time.Time, collections []interchange.Collection, w io.Writer) error {
	archive, err := interchange.NewArchiveWriter(w, string(app), collections)
	if err != nil {
		return err
	}
	if err := engine.CopyPast(ctx, app, moment, archiveSink{archive}); err != nil {
		return err
	}
	return archive.Close()
}

type archiveSink struct{ w *interchange.ArchiveWriter }

// Create begins a collection.
func (s archiveSink) Create(_ context.Context, info driver.CollectionInfo, _ []driver.Index) error {
	return s.w.Begin(info.Name)
}

// Insert adds documents.
func (s archiveSink) Insert(_ context.Context, _ string, documents []bson.Raw) error {
	for _, doc := range documents {
		if err := s.w.Write(doc); err != nil {
			return err
		}
	}
	return nil
}
