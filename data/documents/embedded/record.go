package embedded

import (
	"encoding/binary"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// A stored document is version u8, flags u8, sequence u64 of its last write, BSON.
const (
	recordVersion = 1
	recordHeader  = 10
	flagSilent    = 1 << 0 // written without a change-log entry; so is its expiry
)

var errCorruptRecord = errors.New("stored document is damaged")

type record struct {
	sequence uint64
	silent   bool
	document bson.Raw // shares memory with what was decoded
}

func appendRecord(dst []byte, r record) []byte {
	var flags byte
	if r.silent {
		flags |= flagSilent
	}
	dst = append(dst, recordVersion, flags)
	dst = binary.BigEndian.AppendUint64(dst, r.sequence)
	return append(dst, r.document...)
}

func decodeRecord(data []byte) (record, error) {
	if len(data) < recordHeader+5 || data[0] != recordVersion {
		return record{}, errCorruptRecord
	}
	return record{
		sequence: binary.BigEndian.Uint64(data[2:]),
		silent:   data[1]&flagSilent != 0,
		document: bson.Raw(data[recordHeader:]),
	}, nil
}

// clone returns r with a document of its own.
func (r record) clone() record {
	r.document = append(bson.Raw(nil), r.document...)
	return r
}
