package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"yunduo/data/documents/embedded"
	client "yunduo/sdk/go"
	"yunduo/server"
	"yunduo/server/backup"
	"yunduo/wire"
)

// operatorFlags adds the flags by which an operator reaches a server.
func operatorFlags(cmd *cobra.Command) func(ctx context.Context) (*client.Client, error) {
	var address, user, token string
	cmd.Flags().StringVar(&address, "server", "", "the server's address (YUNDUO_URL)")
	cmd.Flags().StringVar(&user, "user", "", "an operator of the console; YUNDUO_PASSWORD holds the password")
	cmd.Flags().StringVar(&token, "token", "", "an operator's access token, instead of --user (YUNDUO_TOKEN)")
	return func(ctx context.Context) (*client.Client, error) {
		if address == "" {
			address = os.Getenv("YUNDUO_URL")
		}
		if token == "" && user == "" {
			token = os.Getenv("YUNDUO_TOKEN")
		}
		c := client.New(address, "", token)
		if token != "" {
			return c, nil
		}
		password := os.Getenv("YUNDUO_PASSWORD")
		if user == "" || password == "" {
			return nil, errors.New("who are you? Give --user and the password in YUNDUO_PASSWORD, or --token")
		}
		return c.OperatorLogin(ctx, wire.OperatorLoginRequest{Username: user, Password: password})
	}
}

func backupCommand(l language) *cobra.Command {
	var data, output string
	var keep int
	var verify bool
	cmd := &cobra.Command{Use: "backup", Short: l.say(backupTexts.backup), Args: cobra.NoArgs}
	connect := operatorFlags(cmd)
	cmd.Flags().StringVar(&data, "data", "", "the data directory of a server that does not run; default: ask the server at --server")
	cmd.Flags().StringVarP(&output, "output", "o", "", "the backup folder; what an earlier backup has there is not copied again")
	cmd.Flags().IntVar(&keep, "keep", 0, "afterwards remove all but this many backups; 0 keeps all")
	cmd.Flags().BoolVar(&verify, "verify", false, "afterwards read every file of the backup again and check the documents")
	_ = cmd.MarkFlagRequired("output") // the flag is there
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		target, err := backup.Open(output, true)
		if err != nil {
			return err
		}
		open := func(ctx context.Context, known io.Reader) (io.ReadCloser, error) {
			if data != "" {
				return offline(ctx, data, known), nil
			}
			c, err := connect(ctx)
			if err != nil {
				return nil, err
			}
			return c.Backup(ctx, known)
		}
		m, err := makeBackup(cmd, l, target, open)
		if err != nil {
			return err
		}
		if verify {
			if err := verifyBackup(cmd.Context(), target, output, m); err != nil {
				return fmt.Errorf("backup %s: %w", m.Name(), err)
			}
			fmt.Fprintln(cmd.OutOrStdout(), l.say(backupTexts.verified))
		}
		if keep > 0 {
			removed, err := target.Prune(cmd.Context(), keep)
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), l.say(backupTexts.pruned, removed))
		}
		return nil
	}
	cmd.AddCommand(backupList(l))
	return cmd
}

// offline streams the backup of a data directory that nobody uses.
func offline(ctx context.Context, data string, known io.Reader) io.ReadCloser {
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(server.Backup(ctx, data, version, known, w)) }()
	return r
}

func makeBackup(cmd *cobra.Command, l language, target *backup.Target, open func(context.Context, io.Reader) (io.ReadCloser, error)) (*backup.Manifest, error) {
	ctx := cmd.Context()
	earlier, err := target.Load("")
	if err != nil {
		return nil, err
	}
	var known bytes.Buffer
	if earlier != nil {
		if err := earlier.Encode(&known); err != nil {
			return nil, err
		}
	}
	stream, err := open(ctx, &known)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	shown := &byteCount{out: terminal(cmd.ErrOrStderr())}
	m, err := target.Receive(ctx, stream, shown.add)
	shown.end()
	if err != nil {
		return nil, err
	}
	out := cmd.OutOrStdout()
	fmt.Fprintln(out, l.say(backupTexts.made, m.Name(), len(m.Files), megabytes(m.Bytes()), megabytes(shown.n)))
	if m.Objects != "disk" {
		fmt.Fprintln(out, l.say(backupTexts.elsewhere))
	}
	if m.Secret != "file" {
		fmt.Fprintln(out, l.say(backupTexts.secretElsewhere))
	}
	return m, nil
}

func megabytes(n int64) float64 { return float64(n) / 1e6 }

// byteCount shows on a terminal how many bytes have come.
type byteCount struct {
	n     int64
	total int64    // 0 where it is not known
	out   *os.File // nil where nobody looks
	shown time.Time
}

func (b *byteCount) add(n int64) {
	b.n += n
	if b.out == nil || time.Since(b.shown) < 200*time.Millisecond {
		return
	}
	b.shown = time.Now()
	if b.total > 0 {
		fmt.Fprintf(b.out, "\r\x1b[K%.1f of %.1f MB", megabytes(b.n), megabytes(b.total))
		return
	}
	fmt.Fprintf(b.out, "\r\x1b[K%.1f MB", megabytes(b.n))
}

func (b *byteCount) end() {
	if b.out != nil && !b.shown.IsZero() {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
}

// verifyBackup reads all files of a backup, then opens its documents as a restore would and compares all that they keep
// twice.
func verifyBackup(ctx context.Context, target *backup.Target, dir string, m *backup.Manifest) error {
	if err := target.Verify(ctx, m); err != nil {
		return err
	}
	return withDocuments(ctx, target, dir, m, func(engine *embedded.Engine) error {
		problems, err := engine.Check(ctx)
		if err == nil && len(problems) > 0 {
			err = fmt.Errorf("%d problems, the first: %s", len(problems), problems[0])
		}
		return err
	})
}

// withDocuments runs do on a copy of the documents of a backup, which lives as long as that.
func withDocuments(ctx context.Context, target *backup.Target, dir string, m *backup.Manifest, do func(*embedded.Engine) error) (err error) {
	scratch, err := os.MkdirTemp(dir, ".documents-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	documents := filepath.Join(scratch, "documents")
	if err := target.Part(ctx, m, "documents/", documents, nil); err != nil {
		return err
	}
	engine, err := embedded.Open(documents, embedded.Options{LogAge: 100 * 365 * 24 * time.Hour, LogBytes: 1 << 60, TrashAge: 100 * 365 * 24 * time.Hour, DiskReserve: -1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	return do(engine)
}

type listedBackup struct {
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"createdAt"`
	Version   string    `json:"version"`
	Files     int       `json:"files"`
	Bytes     int64     `json:"bytes"`
}

func backupList(l language) *cobra.Command {
	return listing(&cobra.Command{
		Use: "list DIR", Short: l.say(backupTexts.list), Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := backup.Open(args[0], false)
			if err != nil {
				return err
			}
			names, err := target.List()
			if err != nil {
				return err
			}
			var list []listedBackup
			for _, name := range names {
				m, err := target.Load(name)
				if err != nil {
					return err
				}
				list = append(list, listedBackup{Name: name, CreatedAt: m.CreatedAt, Version: m.Version, Files: len(m.Files), Bytes: m.Bytes()})
			}
			return printList(cmd, l, list, "NAME\tMADE\tVERSION\tFILES\tBYTES", func(b listedBackup) string {
				return fmt.Sprintf("%s\t%s\t%s\t%d\t%d", b.Name, b.CreatedAt.Local().Format(time.DateTime), b.Version, b.Files, b.Bytes)
			})
		},
	})
}
