package disk

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"

	"yunduo/storage/driver"
)

// An object's file ends with a footer: a JSON description, its length as four big-endian bytes, and footerMagic. It
// comes after the bytes because size and ETag are known only then.
const (
	footerMagic = "yunduo.1"
	footerTail  = 4 + len(footerMagic)
	maxFooter   = 1 << 20
)

var errFooter = errors.New("the file of an object is damaged: its description at the end is missing or wrong")

type footer struct {
	Size        int64             `json:"size"`
	ContentType string            `json:"contentType"`
	ETag        string            `json:"etag"`
	Modified    time.Time         `json:"modified"`
	Metadata    map[string]string `json:"metadata,omitempty"`
}

func writeFooter(w io.Writer, info driver.ObjectInfo) error {
	text, err := json.Marshal(footer{info.Size, info.ContentType, info.ETag, info.Modified, info.Metadata})
	if err != nil {
		return err
	}
	tail := binary.BigEndian.AppendUint32(text, uint32(len(text)))
	_, err = w.Write(append(tail, footerMagic...))
	return err
}

func readFooter(file *os.File) (driver.ObjectInfo, error) {
	stat, err := file.Stat()
	if err != nil {
		return driver.ObjectInfo{}, err
	}
	end := stat.Size() - int64(footerTail)
	if end < 0 {
		return driver.ObjectInfo{}, errFooter
	}
	var tail [footerTail]byte
	if _, err := file.ReadAt(tail[:], end); err != nil {
		return driver.ObjectInfo{}, err
	}
	length := int64(binary.BigEndian.Uint32(tail[:4]))
	if string(tail[4:]) != footerMagic || length > maxFooter || length > end {
		return driver.ObjectInfo{}, errFooter
	}
	text := make([]byte, length)
	if _, err := file.ReadAt(text, end-length); err != nil {
		return driver.ObjectInfo{}, err
	}
	var f footer
	if err := json.Unmarshal(text, &f); err != nil || f.Size != end-length {
		return driver.ObjectInfo{}, errFooter
	}
	return driver.ObjectInfo{Size: f.Size, ContentType: f.ContentType, ETag: f.ETag, Modified: f.Modified, Metadata: f.Metadata}, nil
}
