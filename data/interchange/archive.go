package interchange

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash"
	"hash/crc64"
	"io"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// The layout of "mongodump --archive": a magic number; a prelude of a header and one description per collection; then
// sections, each a header that names a collection and documents of it. Prelude and sections end with a terminator. The
// last section of a collection has no documents, says so and carries a checksum of all of them.
const (
	archiveMagic = 0x8199e26d
	terminator   = 0xffffffff
)

// maxCollections bounds the collections of an archive.
const maxCollections = 10_000

var crcTable = crc64.MakeTable(crc64.ECMA)

type archiveHeader struct {
	Concurrent int32  `bson:"concurrent_collections"`
	Version    string `bson:"version"`
	Server     string `bson:"server_version"`
	Tool       string `bson:"tool_version"`
}

type archiveCollection struct {
	Database   string `bson:"db"`
	Collection string `bson:"collection"`
	Metadata   string `bson:"metadata"`
	Size       int64  `bson:"size,minsize"` // of large collections mongodump writes 64 bits
	Type       string `bson:"type"`
}

type archiveSection struct {
	Database   string `bson:"db"`
	Collection string `bson:"collection"`
	EOF        bool   `bson:"EOF"`
	CRC        int64  `bson:"CRC"`
}

// ArchiveReader reads an archive. Documents of MongoDB's own databases and collections are left out.
type ArchiveReader struct {
	r           *bufio.Reader
	database    string // the one whose documents are read
	collections []Collection
	states      map[string]*archiveState
	section     *archiveState // nil between sections
	name        string        // of the section's collection
	failed      error
}

type archiveState struct {
	skip   bool
	number int64
	crc    hash.Hash64
}

func newArchiveReader(r *bufio.Reader) (Reader, error) {
	head, err := readBytes(r, 4)
	if err != nil || binary.LittleEndian.Uint32(head) != archiveMagic {
		return nil, malformed("the file does not begin as an archive of mongodump does")
	}
	a := &ArchiveReader{r: r, states: map[string]*archiveState{}}
	var header archiveHeader
	if err := a.unmarshal(&header, "the header"); err != nil {
		return nil, err
	}
	for {
		var c archiveCollection
		err := a.unmarshal(&c, "the list of collections")
		if errors.Is(err, errTerminator) {
			return a, nil
		}
		if err == nil {
			err = a.describe(c)
		}
		if err != nil {
			return nil, err
		}
	}
}

// unmarshal decodes the next document of the archive's own.
func (a *ArchiveReader) unmarshal(into any, what string) error {
	doc, err := readDocument(a.r)
	switch {
	case errors.Is(err, errTerminator):
		return err
	case errors.Is(err, io.EOF):
		return malformed("the archive ends in the midst of %s", what)
	case err != nil:
		return malformed("%s of the archive: %s", what, err.Error())
	}
	if err := bson.Unmarshal(doc, into); err != nil {
		return malformed("%s of the archive cannot be read: %s", what, err.Error())
	}
	return nil
}

func (a *ArchiveReader) describe(c archiveCollection) error {
	if ownDatabase(c.Database) || ownCollection(c.Collection) {
		return nil
	}
	if a.database != "" && c.Database != a.database {
		return malformed("the archive holds the databases %q and %q; dump one of them alone", a.database, c.Database)
	}
	if len(a.collections) == maxCollections {
		return malformed("the archive has more than %d collections", maxCollections)
	}
	a.database = c.Database
	described := Collection{Name: c.Collection}
	if c.Metadata != "" {
		var err error
		if described.Indexes, described.Skipped, err = ParseMetadata([]byte(c.Metadata)); err != nil {
			return err
		}
	}
	a.collections = append(a.collections, described)
	return nil
}

func ownDatabase(name string) bool {
	return slices.Contains([]string{"", "admin", "config", "local"}, name)
}

func ownCollection(name string) bool { return len(name) >= 7 && name[:7] == "system." }

// Collections lists what the archive holds. Documents may follow of a collection that is not listed.
func (a *ArchiveReader) Collections() []Collection { return a.collections }

// Next returns the next document of any collection.
func (a *ArchiveReader) Next() (Record, error) {
	for a.failed == nil {
		if a.section == nil {
			a.failed = a.nextSection()
			continue
		}
		doc, err := readDocument(a.r)
		if errors.Is(err, errTerminator) {
			a.section = nil
			continue
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errTruncated
			}
			a.failed = malformed("collection %q, document %d: %s", a.name, a.section.number+1, err.Error())
			break
		}
		a.section.number++
		_, _ = a.section.crc.Write(doc) // a hash takes everything
		if !a.section.skip {
			return checked(a.name, a.section.number, doc)
		}
	}
	return Record{}, a.failed
}

// nextSection reads the header of a section; io.EOF if there is none.
func (a *ArchiveReader) nextSection() error {
	if _, err := a.r.Peek(1); err != nil {
		return err
	}
	var header archiveSection
	if err := a.unmarshal(&header, "a section"); err != nil {
		if errors.Is(err, errTerminator) {
			return malformed("a section of the archive has no header")
		}
		return err
	}
	id := header.Database + "." + header.Collection
	state := a.states[id]
	if state == nil {
		if len(a.states) == maxCollections {
			return malformed("the archive has more than %d collections", maxCollections)
		}
		skip := ownDatabase(header.Database) || ownCollection(header.Collection) || a.database != "" && header.Database != a.database
		state = &archiveState{skip: skip, crc: crc64.New(crcTable)}
		a.states[id] = state
	}
	if !header.EOF {
		a.section, a.name = state, header.Collection
		return nil
	}
	if header.CRC != int64(state.crc.Sum64()) {
		return malformed("the documents of the collection %q do not match their checksum: the archive is damaged", header.Collection)
	}
	if _, err := readDocument(a.r); !errors.Is(err, errTerminator) {
		return malformed("the last section of the collection %q does not end", header.Collection)
	}
	return nil
}
