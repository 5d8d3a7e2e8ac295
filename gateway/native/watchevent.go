package native

import (
	"strconv"

	"yunduo/data/documents"
	"yunduo/data/query/ejson"
)

// appendWatchEvent writes an event as the fields of WatchSnapshot or WatchChanges that follow the ID.
func appendWatchEvent(e *documents.WatchEvent) []byte {
	text := []byte{}
	if e.Snapshot {
		if e.Reset != documents.ResetNone {
			text = strconv.AppendQuote(append(text, `,"reset":`...), string(e.Reset))
		}
		text = append(text, `,"documents":[`...)
		for i, doc := range e.Documents {
			if i > 0 {
				text = append(text, ',')
			}
			text = ejson.Append(text, doc)
		}
	} else {
		text = append(text, `,"changes":[`...)
		for i, c := range e.Changes {
			if i > 0 {
				text = append(text, ',')
			}
			text = append(append(text, `{"move":"`...), c.Move...)
			text = append(append(text, `","cause":"`...), c.Cause...)
			text = ejson.AppendValue(append(text, `","id":`...), c.ID)
			if c.Document != nil {
				text = ejson.Append(append(text, `,"document":`...), c.Document)
			}
			text = append(text, '}')
		}
	}
	text = append(append(text, `],"resume":"`...), e.Resume()...)
	return append(text, `"}`...)
}
