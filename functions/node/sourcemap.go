package node

import (
	"encoding/json"
	"strings"
)

// sourceMap tells where lines of a generated file come from (source map, version 3).
type sourceMap struct {
	Sources  []string
	Mappings string
}

// parseSourceMap returns nil for what is none.
func parseSourceMap(text []byte) *sourceMap {
	var m sourceMap
	if len(text) == 0 || json.Unmarshal(text, &m) != nil {
		return nil
	}
	return &m
}

// find returns the origin of a place in the generated file. Lines and columns count from 1.
func (m *sourceMap) find(line, column int) (source string, row, col int, ok bool) {
	if m == nil {
		return "", 0, 0, false
	}
	line, column = line-1, column-1
	var index, originalLine, originalColumn int // the numbers go on from segment to segment, through all lines
	n := -1
	for text := range strings.SplitSeq(m.Mappings, ";") {
		if n++; n > line {
			break
		}
		at := 0
		for segment := range strings.SplitSeq(text, ",") {
			values, good := decodeVLQ(segment)
			if !good {
				return "", 0, 0, false
			}
			if len(values) == 0 {
				continue
			}
			if at += values[0]; n == line && at > column {
				break
			}
			if len(values) < 4 {
				ok = ok && n < line // a place without an origin
				continue
			}
			index, originalLine, originalColumn = index+values[1], originalLine+values[2], originalColumn+values[3]
			if n == line && index >= 0 && index < len(m.Sources) {
				source, row, col, ok = m.Sources[index], originalLine+1, originalColumn+1, true
			}
		}
	}
	return source, row, col, ok
}

const base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// decodeVLQ decodes the numbers of one segment.
func decodeVLQ(segment string) (values []int, ok bool) {
	value, shift := 0, 0
	for i := range len(segment) {
		digit := strings.IndexByte(base64Digits, segment[i])
		if digit < 0 || shift > 30 {
			return nil, false
		}
		value |= (digit & 31) << shift
		if digit&32 != 0 {
			shift += 5
			continue
		}
		if value&1 != 0 {
			values = append(values, -(value >> 1))
		} else {
			values = append(values, value>>1)
		}
		value, shift = 0, 0
	}
	return values, shift == 0
}
