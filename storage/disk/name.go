package disk

import (
	"encoding/hex"
	"regexp"
	"strings"
)

// A key's segments become names of lower-case ASCII letters, digits, "-", "_" and inner dots; any other byte is written
// as "%" and two hexadecimal digits. A folder's name ends with "+", which no file's name contains. A name that would be
// longer than maxName is cut into folders that end with "~", so that every file system takes it.
const (
	maxName          = 200
	folderMark       = "+"
	continuationMark = "~"
)

// reserved are the device names of Windows, which open the device whatever follows a dot.
var reserved = regexp.MustCompile(`^(con|prn|aux|nul|conin|conout|com[0-9]|lpt[0-9])(\.|$)`)

// encodeKey returns the slash-separated path of a valid key's file.
func encodeKey(key string) string {
	var path strings.Builder
	segments := strings.Split(key, "/")
	for i, segment := range segments {
		name := encodeSegment(segment)
		for len(name) > maxName {
			cut := maxName
			// An escape of three characters is not cut in two.
			if at := strings.LastIndexByte(name[:cut], '%'); at > cut-3 {
				cut = at
			}
			path.WriteString(name[:cut] + continuationMark + "/")
			name = escapeDevice(name[cut:])
		}
		path.WriteString(name)
		if i < len(segments)-1 {
			path.WriteString(folderMark + "/")
		}
	}
	return path.String()
}

func encodeSegment(segment string) string {
	var name strings.Builder
	for i := range len(segment) {
		c := segment[i]
		plain := c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' ||
			c == '.' && i > 0 && i < len(segment)-1
		if plain {
			name.WriteByte(c)
		} else {
			name.WriteString(escape(c))
		}
	}
	return escapeDevice(name.String())
}

func escapeDevice(name string) string {
	if reserved.MatchString(name) {
		return escape(name[0]) + name[1:]
	}
	return name
}

func escape(c byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{'%', digits[c>>4], digits[c&15]})
}

// decodeName undoes encodeSegment for a name or a piece of one; false if the name was not made by it.
func decodeName(name string) (string, bool) {
	var segment strings.Builder
	for name != "" {
		before, after, escape := strings.Cut(name, "%")
		segment.WriteString(before)
		if !escape {
			break
		}
		if len(after) < 2 {
			return "", false
		}
		c, err := hex.DecodeString(after[:2])
		if err != nil {
			return "", false
		}
		segment.Write(c)
		name = after[2:]
	}
	return segment.String(), true
}
