package interchange

import (
	"encoding/binary"
	"errors"
	"hash"
	"hash/crc64"
	"io"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// ArchiveWriter writes an archive as "mongodump --archive" does, one collection after another.
type ArchiveWriter struct {
	w        io.Writer
	database string
	name     string
	crc      hash.Hash64 // nil between collections
}

// NewArchiveWriter begins an archive with the list of its collections. Their documents follow by Begin and Write.
func NewArchiveWriter(w io.Writer, database string, collections []Collection) (*ArchiveWriter, error) {
	a := &ArchiveWriter{w: w, database: database}
	if _, err := w.Write(binary.LittleEndian.AppendUint32(nil, archiveMagic)); err != nil {
		return nil, err
	}
	if err := a.marshal(archiveHeader{Concurrent: 1, Version: "0.1", Server: "7.0.0", Tool: "yunduo"}); err != nil {
		return nil, err
	}
	for _, c := range collections {
		described := archiveCollection{Database: database, Collection: c.Name, Metadata: string(Metadata(c)), Type: "collection"}
		if err := a.marshal(described); err != nil {
			return nil, err
		}
	}
	return a, a.terminate()
}

func (a *ArchiveWriter) marshal(v any) error {
	doc, err := bson.Marshal(v)
	if err == nil {
		_, err = a.w.Write(doc)
	}
	return err
}

func (a *ArchiveWriter) terminate() error {
	_, err := a.w.Write(binary.LittleEndian.AppendUint32(nil, terminator))
	return err
}

// Begin begins a collection.
func (a *ArchiveWriter) Begin(collection string) error {
	if err := a.end(); err != nil {
		return err
	}
	a.name, a.crc = collection, crc64.New(crcTable)
	return a.marshal(archiveSection{Database: a.database, Collection: collection})
}

// Write adds a document to the collection that was begun last.
func (a *ArchiveWriter) Write(doc bson.Raw) error {
	if a.crc == nil {
		return errors.New("no collection was begun")
	}
	_, _ = a.crc.Write(doc) // a hash takes everything
	_, err := a.w.Write(doc)
	return err
}

func (a *ArchiveWriter) end() error {
	if a.crc == nil {
		return nil
	}
	last := archiveSection{Database: a.database, Collection: a.name, EOF: true, CRC: int64(a.crc.Sum64())}
	a.crc = nil
	return errors.Join(a.terminate(), a.marshal(last), a.terminate())
}

// Close ends the archive. The underlying writer stays open.
func (a *ArchiveWriter) Close() error { return a.end() }
