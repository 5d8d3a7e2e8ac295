package embedded

import (
	"encoding/binary"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/value"
)

// The first byte of a key says what it holds. Numbers are big-endian. id is the order-preserving encoding of a
// document's _id, values that of an index entry's components.
const (
	prefixMeta     = 0x00 // name -> store-wide records
	prefixCatalog  = 0x01 // kind, id u32 -> BSON
	prefixCounters = 0x02 // app u32, collection u32 -> documents, bytes
	prefixDocument = 0x10 // app u32, collection u32, id -> record
	prefixIndex    = 0x11 // app u32, collection u32, index u32, values, id -> component ends, types
	prefixUnique   = 0x12 // app u32, collection u32, index u32, values -> component ends, types, id
	prefixLog      = 0x13 // app u32, offset u64 -> entry
	prefixJob      = 0x14 // index u32 -> range that an unfinished index build may have written
	prefixHidden   = 0x15 // collection u32, number u32 -> range that belongs to a collection which is in no catalog
)

// maxKeyBytes bounds the encoded values of one index entry, and an _id.
const maxKeyBytes = 16 << 10

func key(prefix byte, ids ...uint32) []byte {
	k := make([]byte, 1, 1+4*len(ids)+32)
	k[0] = prefix
	for _, id := range ids {
		k = binary.BigEndian.AppendUint32(k, id)
	}
	return k
}

// keyEnd returns the first key behind all keys that begin with prefix.
func keyEnd(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

func logKey(app uint32, offset uint64) []byte {
	return binary.BigEndian.AppendUint64(key(prefixLog, app), offset)
}

// documentPrefixBytes is the length of a document key before the id.
const documentPrefixBytes = 9

// indexPrefixBytes is the length of an index key before the values.
const indexPrefixBytes = 13

// idKey encodes an _id. It returns invalid_document for a value that cannot be one.
func idKey(id bson.RawValue) ([]byte, error) {
	switch id.Type {
	case 0:
		return nil, yunduo.Errorf(yunduo.ReasonInvalidDocument, "the document has no _id")
	case bson.TypeArray, bson.TypeRegex, bson.TypeUndefined:
		return nil, yunduo.Errorf(yunduo.ReasonInvalidDocument, "_id cannot be of type %s", id.Type)
	}
	k, err := value.AppendKey(make([]byte, 0, len(id.Value)+8), id)
	if err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidDocument, "the _id cannot be stored")
	}
	if len(k) > maxKeyBytes {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidDocument, "the _id is longer than %d bytes", maxKeyBytes)
	}
	return k, nil
}

// decodeOffset returns the offset in the key of a change-log entry.
func decodeOffset(k []byte) uint64 { return binary.BigEndian.Uint64(k[5:]) }
