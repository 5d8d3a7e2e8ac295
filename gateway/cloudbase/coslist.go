package cloudbase

import (
	"context"
	"encoding/xml"
	"strconv"
	"strings"
	"time"

	"yunduo/wire"
)

// listedBucket is a page of a bucket's objects.
type listedBucket struct {
	XMLName     xml.Name `xml:"ListBucketResult"`
	Name        string
	Prefix      string
	Marker      string
	MaxKeys     int
	Delimiter   string
	IsTruncated bool
	NextMarker  string
	Contents    []listedObject `xml:"Contents"`
	Folders     []listedFolder `xml:"CommonPrefixes"`
}

type listedObject struct {
	Key          string
	LastModified string
	ETag         string
	Size         int64
	StorageClass string
}

type listedFolder struct{ Prefix string }

const maxListed = 1000

// listBucket lists the app's files under a prefix, those below a delimiter as one folder.
func (s *surface) listBucket(ctx context.Context, q *cosRequest, r *request) error {
	page := &listedBucket{Name: q.bucket, Prefix: q.c.QueryParam("prefix"), Marker: q.c.QueryParam("marker"), Delimiter: q.c.QueryParam("delimiter"), MaxKeys: maxListed}
	if n, err := strconv.Atoi(q.c.QueryParam("max-keys")); err == nil && n > 0 && n < maxListed {
		page.MaxKeys = n
	}
	after := page.Marker
	for {
		response, err := do[wire.ListFilesResponse](ctx, r, "files.list", &wire.ListFilesRequest{Prefix: page.Prefix, After: after, Limit: page.MaxKeys})
		if err != nil {
			return err
		}
		for i := range response.Files {
			if len(page.Contents)+len(page.Folders) >= page.MaxKeys {
				page.IsTruncated, page.NextMarker = true, after
				return q.reply(page)
			}
			after = page.add(&response.Files[i])
		}
		if response.Next == "" {
			return q.reply(page)
		}
		after = max(after, response.Next)
	}
}

// add puts a file on the page, and returns after which key the listing goes on.
func (l *listedBucket) add(f *wire.File) string {
	if l.Delimiter != "" {
		if at := strings.Index(strings.TrimPrefix(f.Path, l.Prefix), l.Delimiter); at >= 0 {
			folder := f.Path[:len(l.Prefix)+at+len(l.Delimiter)]
			if n := len(l.Folders); n == 0 || l.Folders[n-1].Prefix != folder {
				l.Folders = append(l.Folders, listedFolder{folder})
			}
			return folder + "\U0010ffff" // past all that is in the folder
		}
	}
	l.Contents = append(l.Contents, listedObject{
		Key: f.Path, LastModified: f.ModifiedAt.UTC().Format(time.RFC3339), Size: f.Size, StorageClass: "STANDARD", ETag: `""`,
	})
	return f.Path
}
